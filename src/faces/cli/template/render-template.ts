import { visible } from '../format.ts';
import { FUNCTIONS, goText, isObject, isTrue } from './functions.ts';
import { type Call, type Node, type Operand, type Pipe, templateErrors } from './parse-template.ts';

interface Scope {
  readonly root: unknown;
  readonly dot: unknown;
}

/**
 * What a template says of a value. Capitals of fields do not matter, since users of other engines write `.Id` where JSON
 * has `id`. Control characters in values do not reach the terminal.
 *
 * @throws {EngineError} `cli-template.noField`, `cli-template.wrongValue`, `cli-template.malformed`
 */
export function renderTemplate(nodes: readonly Node[], value: unknown): string {
  return rendered(nodes, { root: value, dot: value });
}

function rendered(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => renderedNode(node, scope)).join('');
}

function renderedNode(node: Node, scope: Scope): string {
  if (node.kind === 'text') return node.text;
  const value = valueOfPipe(node.pipe, scope);
  switch (node.kind) {
    case 'print':
      return visible(goText(value));
    case 'if':
      return rendered(isTrue(value) ? node.then : node.otherwise, scope);
    case 'with':
      return isTrue(value) ? rendered(node.then, { ...scope, dot: value }) : rendered(node.otherwise, scope);
    case 'range': {
      const items = itemsOf(value);
      if (items.length === 0) return rendered(node.otherwise, scope);
      return items.map((dot) => rendered(node.then, { ...scope, dot })).join('');
    }
  }
}

/** Of an object its values, by the order of their keys, as Go has it. */
function itemsOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  if (!isObject(value))
    throw templateErrors.wrongValue({ name: 'range', wanted: 'a list or an object', value: goText(value) });
  return Object.keys(value)
    .sort()
    .map((key) => value[key]);
}

function valueOfPipe(pipe: Pipe, scope: Scope): unknown {
  let piped: readonly unknown[] = [];
  for (const call of pipe) piped = [valueOfCall(call, piped, scope)];
  return piped[0];
}

function valueOfCall(call: Call, piped: readonly unknown[], scope: Scope): unknown {
  if (call.kind === 'operand') return operandValue(call.operand, scope);
  const act = FUNCTIONS.get(call.name);
  if (act === undefined) {
    const reason = `there is no function ${call.name}; there are ${[...FUNCTIONS.keys()].join(', ')}`;
    throw templateErrors.malformed({ template: call.name, reason });
  }
  return act(call.name, [...call.operands.map((operand) => operandValue(operand, scope)), ...piped]);
}

function operandValue(operand: Operand, scope: Scope): unknown {
  if (operand.kind === 'value') return operand.value;
  if (operand.kind === 'pipe') return valueOfPipe(operand.pipe, scope);
  return operand.path.reduce<unknown>(fieldOf, operand.from === 'root' ? scope.root : scope.dot);
}

function fieldOf(value: unknown, field: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) {
    throw templateErrors.wrongValue({ name: `.${field}`, wanted: 'an object', value: goText(value) });
  }
  if (Object.hasOwn(value, field)) return value[field];
  const found = Object.keys(value).find((key) => key.toLowerCase() === field.toLowerCase());
  if (found === undefined) throw templateErrors.noField({ field, of: Object.keys(value) });
  return value[found];
}
