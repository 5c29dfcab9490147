import { expect, test } from 'vitest';
import { formatterOf } from './formatted.ts';

const VALUE = {
  id: 'sha256:abc',
  names: ['a:1', 'b:2'],
  config: { Cmd: ['sh', '-c'], labels: { team: 'x', 'a.b': 'y' }, empty: [] },
  sizeBytes: 42,
  isUsed: false,
  createdAt: null,
};

test.each([
  ['{{.id}}', 'sha256:abc'],
  ['{{.Id}} {{ .SizeBytes }}', 'sha256:abc 42'],
  ['{{json .config.Cmd}}', '["sh","-c"]'],
  ['{{.config.cmd | json}}', '["sh","-c"]'],
  ['{{.names}}', '[a:1 b:2]'],
  ['{{.config.labels}}', 'map[a.b:y team:x]'],
  ['{{index .config.labels "a.b"}}{{index .names 1}}', 'yb:2'],
  ['{{join .names ", " | upper}}', 'A:1, B:2'],
  ['{{len .names}}{{len (index .names 0)}}', '23'],
  ['{{range .names}}<{{.}}>{{end}}', '<a:1><b:2>'],
  ['{{range .config.empty}}x{{else}}none{{end}}', 'none'],
  ['{{range .names}}{{$.sizeBytes}} {{end}}', '42 42 '],
  ['{{if .isUsed}}used{{else if eq .sizeBytes 42}}42{{else}}free{{end}}', '42'],
  ['{{with .config}}{{len .Cmd}}{{end}}', '2'],
  ['{{if and .id (not .isUsed)}}yes{{end}}', 'yes'],
  ['{{.createdAt}}', '<no value>'],
  ['a\\t{{- .id -}}  \\n b', 'asha256:abcb'],
  ['{{/* nothing */}}{{`}}`}}{{"\\u0041"}}', '}}A'],
  ['{{index .config.labels "nope"}}', '<no value>'],
])('%j is %j', (template, text) => {
  expect(formatterOf(template)([VALUE])).toBe(`${text}\n`);
});

test.each([
  ['{{.nope}}', 'cli-template.noField', 'names, config'],
  ['{{.id.nope}}', 'cli-template.wrongValue', 'an object'],
  ['{{nope .id}}', 'cli-template.malformed', 'there is no function nope'],
  ['{{.id', 'cli-template.malformed', 'has no }}'],
  ['{{if .id}}x', 'cli-template.malformed', 'has no {{end}}'],
  ['{{end}}', 'cli-template.malformed', 'ends nothing'],
  ['{{if .id}}{{else}}{{else}}{{end}}', 'cli-template.malformed', 'has no {{end}}'],
  ['{{}}', 'cli-template.malformed', 'empty'],
  ['{{(.id}}', 'cli-template.malformed', 'has no )'],
  ['{{.id)}}', 'cli-template.malformed', ') too many'],
  ['{{.id .names}}', 'cli-template.malformed', 'called'],
  ['{{$x := 1}}', 'cli-template.malformed', 'means nothing'],
  ['{{range .id}}{{end}}', 'cli-template.wrongValue', 'a list'],
  ['{{index .names 2}}', 'cli-template.wrongValue', 'below 2'],
  [`${'{{if .id}}'.repeat(40)}`, 'cli-template.malformed', 'deeper'],
])('%j is refused: %s', (template, code, told) => {
  const render = (): string => formatterOf(template)([VALUE]);
  expect(render).toThrow(expect.objectContaining({ code, message: expect.stringContaining(told) }));
});

test('json is a value a line, and table has columns with their names', () => {
  expect(formatterOf('json')([{ a: 1 }, { a: 2 }])).toBe('{"a":1}\n{"a":2}\n');
  const rows = [
    { CreatedSince: '2 days', id: 'x' },
    { CreatedSince: '1 day', id: 'y' },
  ];
  expect(formatterOf('table {{.CreatedSince}}\\t{{.id}}')(rows)).toBe(
    'CREATED SINCE  ID\n2 days         x\n1 day          y\n',
  );
});

test('control characters of a value do not reach the terminal', () => {
  expect(formatterOf('{{.a}}')([{ a: '\u001b[2J' }])).toBe('\\x1b[2J\n');
});
