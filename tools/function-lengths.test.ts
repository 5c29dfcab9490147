import { expect, test } from 'vitest';
import { functionLengths } from './function-lengths.ts';

const body = (count: number): string => '  x();\n'.repeat(count);

test('a function declaration is measured with its header', () => {
  expect(functionLengths(`function f(a: number): void {\n${body(3)}}\n`)).toEqual([{ name: 'f', line: 1, lines: 5 }]);
});

test('a header over several lines counts', () => {
  expect(functionLengths(`function f(\n  a: number,\n): void {\n${body(1)}}\n`)[0]?.lines).toBe(5);
});

test('an arrow function in a constant is measured', () => {
  expect(functionLengths(`const g = async (a: string) => {\n${body(4)}};\n`)).toEqual([
    { name: 'g', line: 1, lines: 6 },
  ]);
});

test('a method is measured, its class is not', () => {
  expect(functionLengths(`class C {\n  m(): void {\n${body(2)}  }\n}\n`)).toEqual([{ name: 'm', line: 2, lines: 4 }]);
});

test('control flow is not a function', () => {
  expect(functionLengths(`if (a(b)) {\n${body(2)}}\nfor (const x of y()) {\n${body(2)}}\n`)).toEqual([]);
});

test('braces in strings, comments and patterns do not count', () => {
  const source = `function f() {\n  const a = '{'; // {\n  const b = /[{]/;\n  return \`{\`;\n}\n`;
  expect(functionLengths(source)).toEqual([{ name: 'f', line: 1, lines: 5 }]);
});

test('a C function is measured', () => {
  expect(functionLengths(`static int f(int a)\n{\n  if (a) {\n    return 1;\n  }\n  return 0;\n}\n`)).toEqual([
    { name: 'f', line: 1, lines: 7 },
  ]);
});
