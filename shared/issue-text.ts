import type { BaseIssue } from 'valibot';

/** What is wrong with a value that people write: its library's words, but for keys. */
export function issueText({ type, expected, message }: BaseIssue<unknown>): string {
  if (type !== 'strict_object' || expected === 'Object') return message;
  return expected === 'never' ? 'there is no such setting' : 'it is missing';
}
