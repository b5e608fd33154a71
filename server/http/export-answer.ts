import type { Request, Response } from 'express';
import { FederatedError } from '../../shared/errors.ts';
import { runId } from '../../shared/ids.ts';
import type { ExportedModel, ExportFormat, ModelWanted } from '../export/model-files.ts';
import { zip } from '../export/zip.ts';

const formats: readonly ExportFormat[] = ['tfjs', 'safetensors', 'all'];

/** Which model a request is about: `/runs/:id/export?round=last|best|n&format=tfjs|safetensors|all`. @throws FederatedError BAD_ARGUMENT */
export function wantedModel(req: Request): ModelWanted {
  const { round = 'last', format = 'all' } = req.query;
  const known = formats.find((each) => each === format);
  if (known === undefined) {
    throw new FederatedError('BAD_ARGUMENT', `format: expected ${formats.join(', ')}, got ${JSON.stringify(format)}`);
  }
  if (typeof round !== 'string') throw new FederatedError('BAD_ARGUMENT', 'round: expected last, best or a number');
  return { run: runId(String(req.params['id'])), round, format: known };
}

/** Sends a model to be saved: one file as it is (the card aside), several as a zip archive. */
export function sendExport({ run, round, files }: ExportedModel, res: Response): void {
  const name = `${run}-round-${round}`;
  const { 'MODEL_CARD.md': _, ...model } = files;
  const [only, ...more] = Object.entries(model);
  const isOne = only !== undefined && more.length === 0;
  const content = isOne ? Buffer.from(only[1]) : Buffer.from(zip(files));
  const ending = isOne ? only[0].split('.').at(-1)! : 'zip';
  res
    .set('Content-Disposition', `attachment; filename="${name}.${ending}"`)
    .type(isOne ? 'application/octet-stream' : 'application/zip')
    .send(content);
}
