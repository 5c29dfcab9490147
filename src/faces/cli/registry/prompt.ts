import { createInterface } from 'node:readline';
import { defineErrors } from '../../../model/error.ts';
import type { CliContext } from '../context.ts';

export const promptErrors = defineErrors('prompt', {
  cancelled: { kind: 'cancelled', message: () => 'cancelled' },
});

const [END_OF_TEXT, END_OF_INPUT, BACKSPACE, DELETE] = ['\u0003', '\u0004', '\b', '\u007f'];

/** Asks for a line on the terminal. */
export async function ask(context: CliContext, question: string): Promise<string> {
  const lines = createInterface({ input: context.stdin(), output: context.stderr });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('close', () => reject(promptErrors.cancelled()));
      lines.once('SIGINT', () => reject(promptErrors.cancelled()));
      lines.question(question, (answer) => resolve(answer.trim()));
    });
  } finally {
    lines.close();
  }
}

/** Asks for a line that the terminal does not show. */
export async function askHidden(context: CliContext, question: string): Promise<string> {
  const input = context.stdin();
  // Before the question: who answers it at once is not to see the answer.
  input.setRawMode(true);
  try {
    input.setEncoding('utf8');
    input.resume();
    const line = hiddenLine(input);
    context.stderr.write(question);
    return await line;
  } finally {
    input.setRawMode(false);
    input.pause();
    context.stderr.write('\n');
  }
}

function hiddenLine(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (settle: () => void): void => {
      input.off('data', onData);
      settle();
    };
    const onData = (text: string): void => {
      for (const character of text) {
        if (character === END_OF_TEXT) end(() => reject(promptErrors.cancelled()));
        else if (['\r', '\n', END_OF_INPUT].includes(character)) end(() => resolve(line));
        else line = character === BACKSPACE || character === DELETE ? line.slice(0, -1) : line + character;
      }
    };
    input.on('data', onData);
    input.once('end', () => end(() => reject(promptErrors.cancelled())));
  });
}
