import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';

const headerLength = 4;
/** A frame beyond this, in bytes, is no frame of ours. */
const maxFrame = 64 * 1024 * 1024;

export interface ChannelUser<In> {
  onMessage(message: In): void;
  /** The other end has gone, or spoke nonsense; told once, and not after a `close` of our own. */
  onClose(reason: string): void;
}

/**
 * Messages over a byte stream, as plain data: maps, sets, byte arrays and numbers arrive as they were. What is sent in
 * one turn of the loop goes out in one frame. Nothing is waited for: who sends looks at `backlog`.
 */
export class Channel<Out, In> {
  readonly #stream: Duplex;
  readonly #user: ChannelUser<In>;
  #outgoing: Out[] = [];
  #received: Buffer[] = [];
  #receivedLength = 0;
  #wanted = headerLength;
  #closed = false;

  constructor(stream: Duplex, user: ChannelUser<In>) {
    this.#stream = stream;
    this.#user = user;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.#lose(error.message));
    stream.on('close', () => this.#lose('the connection was closed'));
    stream.on('end', () => this.#lose('the connection was closed'));
  }

  /** Bytes that the other end has not taken yet. */
  get backlog(): number {
    return this.#stream.writableLength;
  }

  send(message: Out): void {
    if (this.#closed) return;
    this.#outgoing.push(message);
    if (this.#outgoing.length === 1) queueMicrotask(() => this.#flush());
  }

  /** Sends what is still to be sent, and hears nothing any more. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#stream.end();
  }

  #flush(): void {
    if (this.#closed || this.#outgoing.length === 0) return;
    const messages = serialize(this.#outgoing);
    this.#outgoing = [];
    const header = Buffer.allocUnsafe(headerLength);
    header.writeUInt32LE(messages.length);
    this.#stream.cork();
    this.#stream.write(header);
    this.#stream.write(messages);
    this.#stream.uncork();
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedLength += chunk.length;
    if (this.#receivedLength < this.#wanted) return;
    let bytes = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    while (bytes.length >= this.#wanted && !this.#closed) {
      if (this.#wanted === headerLength) {
        const length = bytes.readUInt32LE();
        if (length > maxFrame) return this.#lose(`a frame of ${length} bytes`);
        this.#wanted = headerLength + length;
        continue;
      }
      const frame = bytes.subarray(headerLength, this.#wanted);
      bytes = bytes.subarray(this.#wanted);
      this.#wanted = headerLength;
      const messages = messagesIn<In>(frame);
      if (messages === null) return this.#lose('it sent nonsense');
      for (const message of messages) this.#user.onMessage(message);
    }
    this.#received = bytes.length > 0 ? [bytes] : [];
    this.#receivedLength = bytes.length;
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.destroy();
    this.#user.onClose(reason);
  }
}

/** Null where it is no list: whoever wrote it is out of its mind, and must not take this end along. */
function messagesIn<In>(frame: Uint8Array): readonly In[] | null {
  try {
    const messages: unknown = deserialize(frame);
    return Array.isArray(messages) ? messages : null;
  } catch {
    return null;
  }
}
