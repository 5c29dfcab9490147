/** The library that verifies OpenPGP messages: loaded when the first one is looked at, from a file of its own. */
export { config, readKey, readKeys, readMessage, verify } from 'openpgp';
