import * as crypto from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { nativePrimitives } from '../../shared/crypto/native.ts';
import { runMaskJob, type MaskJob } from './job.ts';

/** A masking thread. */

const { keystreams } = nativePrimitives(crypto);

parentPort!.on('message', (job: MaskJob) => parentPort!.postMessage(runMaskJob(job, keystreams)));
