import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { tlsFile } from '../support/tls-files.ts';
import { type ExchangeProcess, type Folder, loopback, type Protocol } from './exchange-process.ts';
import { freePorts } from './free-ports.ts';
import { eventually, Program } from './program.ts';
import { programPath } from './tools.ts';

export interface KamailioOptions {
  readonly folder: Folder;
  readonly exchange: ExchangeProcess;
  /** How it speaks with the exchange; phones may use either. */
  readonly towards: Protocol;
  /** Ports of UDP phones that a call to this extension goes to, besides the one registered. */
  readonly forks?: { readonly number: string; readonly ports: readonly number[] };
}

/**
 * A Kamailio 5.6 between phones and the exchange: it leaves registering and calls to the exchange, stays in the path of
 * both (Path, Record-Route) and relays by what it has been told there. Nothing in it knows of a user.
 */
export class Kamailio implements AsyncDisposable {
  /** `host:port` for phones, UDP and TCP. */
  readonly text: string;
  readonly #program: Program;

  private constructor(text: string, program: Program) {
    this.text = text;
    this.#program = program;
  }

  static async start({ folder, exchange, towards, forks }: KamailioOptions): Promise<Kamailio> {
    const port = await freePorts(2);
    const home = folder.file(`kamailio-${port}`);
    mkdirSync(home);
    const { port: exchangePort, text } = exchange.sip(towards);
    const file = join(home, 'kamailio.cfg');
    const forked = (forks?.ports ?? []).map((phone) => `append_branch("sip:${forks?.number}@${loopback}:${phone}");`);
    const branches =
      forks === undefined
        ? ''
        : `if (is_method("INVITE") && $sp == ${exchangePort} && $rU == "${forks.number}") { $du = $null; ${forked.join(' ')} }`;
    writeFileSync(
      file,
      `#!KAMAILIO
log_stderror=yes
debug=2
children=2
tcp_children=2
auto_aliases=no
listen=udp:${loopback}:${port}
listen=tcp:${loopback}:${port}
listen=tls:${loopback}:${port + 1}
enable_tls=yes
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "corex.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "path.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "${tlsFile('other.pem')}")
modparam("tls", "private_key", "${tlsFile('other.key')}")
modparam("tls", "ca_list", "${tlsFile('server.pem')}")
modparam("tls", "verify_certificate", 1)
modparam("path", "use_received", 1)
modparam("path", "enable_r2", 1)

request_route {
  if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route() || is_method("ACK") && t_check_trans()) { t_relay(); exit; }
    if (!is_method("ACK")) sl_send_reply("404", "No Route");
    exit;
  }
  t_check_trans();
  if (is_method("INVITE|SUBSCRIBE|REFER")) record_route();
  # The exchange knows the way from the Path; some phones name their proxy in a Route.
  if (is_present_hf("Route")) loose_route();
  if ($sp != ${exchangePort}) {
    if (is_method("REGISTER")) add_path_received();
    $du = "sip:${text};transport=${towards}";
  }
  ${branches}
  t_relay();
}
`,
    );
    // Its parts are processes of their own, which only it ends.
    const args = ['-f', file, '-DD', '-E', '-m', '16', '-M', '4', '-Y', home, '-w', home];
    const program = new Program('kamailio', args, {
      cwd: home,
      env: { ...process.env, PATH: programPath },
      killedBy: 'SIGTERM',
    });
    await eventually('Kamailio listens', async () => {
      const socket = connect(port, loopback);
      const listens = await once(socket, 'connect').catch(() => null);
      socket.destroy();
      if (!program.running) throw new Error(`Kamailio has ended:\n${program.output}`);
      return listens !== null;
    });
    return new Kamailio(`${loopback}:${port}`, program);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.end(() => this.#program.kill('SIGTERM'));
  }
}
