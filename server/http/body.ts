import express, { type RequestHandler } from 'express';
import { FederatedError } from '../../shared/errors.ts';

/** Parses a JSON body, which may not be compressed: its length is then its cost. */
export const jsonBody = (maxBytes: number): RequestHandler => express.json({ limit: maxBytes, inflate: false });

/** @throws FederatedError BAD_ARGUMENT unless the body is an object with these fields only */
export function noOtherFields(body: unknown, ...names: readonly string[]): Readonly<Record<string, unknown>> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new FederatedError('BAD_ARGUMENT', `expected a JSON object with ${names.join(', ')} and its content type`);
  }
  const other = Object.keys(body).find((name) => !names.includes(name));
  if (other !== undefined) {
    throw new FederatedError(
      'BAD_ARGUMENT',
      `unknown field ${JSON.stringify(other.slice(0, 40))}; known: ${names.join(', ')}`,
    );
  }
  return body as Readonly<Record<string, unknown>>;
}

interface FieldTypes {
  string: string;
  boolean: boolean;
}

/** @throws FederatedError BAD_ARGUMENT when the field is of another type, or absent and not optional */
export function field<T extends keyof FieldTypes>(
  body: Readonly<Record<string, unknown>>,
  name: string,
  type: T,
  optional: true,
): FieldTypes[T] | undefined;
export function field<T extends keyof FieldTypes>(
  body: Readonly<Record<string, unknown>>,
  name: string,
  type: T,
): FieldTypes[T];
export function field(body: Readonly<Record<string, unknown>>, name: string, type: string, optional = false): unknown {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  if (typeof value === type || (optional && value === undefined)) return value;
  throw new FederatedError('BAD_ARGUMENT', `${name}: expected a ${type}`);
}
