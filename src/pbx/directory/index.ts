export {
  type DigestSecrets,
  Directory,
  type DirectoryOptions,
  type Extension,
  type ExtensionStore,
  type NewExtension,
} from './directory.ts';
export { canonicalHost } from './host.ts';
