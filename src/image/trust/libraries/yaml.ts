/** The library that reads YAML: loaded when the first file of a registries.d is, from a file of its own. */
export { parse } from 'yaml';
