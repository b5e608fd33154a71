import { FederatedError } from '../../../shared/errors.ts';
import { committed, fieldOf, type RunRecord } from '../run-record.ts';

/** Where a run was logged. */
export interface MlflowRun {
  readonly experimentId: string;
  readonly runId: string;
}

export interface MlflowOptions {
  /** The tracking server, such as `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Default `fedloom`; made where it is missing. */
  readonly experiment?: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** ms since 1970; default: when the run started, or 0. */
  readonly now?: number;
}

// The limits of one `runs/log-batch` request, and of a parameter's value.
const mostMetrics = 1000;
const mostParameters = 100;
const longestParameter = 500;
/** How long the server may take to answer, ms. */
const patience = 30_000;

/**
 * Logs a run to an MLflow tracking server by its REST API 2.0: the experiment, a run with the config as parameters, a metric for
 * each tag with the round as step, and the end.
 * @throws FederatedError BAD_ARGUMENT (address), CONNECTION_REFUSED, NOT_AUTHORISED, BAD_STATE (what the server refused)
 */
export async function logToMlflow(run: RunRecord, options: MlflowOptions): Promise<MlflowRun> {
  const { experiment = 'fedloom' } = options;
  const call = caller(options);
  const experimentId = await experimentOf(call, experiment);
  const startedAt = Math.round(run.startedAt ?? options.now ?? 0);
  const created = await call<{ run: { info: { run_id: string } } }>('POST', 'runs/create', {
    experiment_id: experimentId,
    run_name: run.name,
    start_time: startedAt,
    tags: [{ key: 'mlflow.source.name', value: 'fedloom' }],
  });
  const runId = created.run.info.run_id;
  let at = startedAt;
  const metrics = committed(run).flatMap(({ round, values }) => {
    at += Math.round(1000 * (values['time/round'] ?? 0));
    return Object.entries(values).map(([tag, value]) => ({ key: nameOf(tag), value, timestamp: at, step: round }));
  });
  try {
    for (const params of batches(parametersOf(run.config), mostParameters))
      await call('POST', 'runs/log-batch', { run_id: runId, params });
    for (const batch of batches(metrics, mostMetrics))
      await call('POST', 'runs/log-batch', { run_id: runId, metrics: batch });
  } catch (thrown) {
    // Nobody shall take half a run for a whole one. What went wrong first is what is told.
    await call('POST', 'runs/update', { run_id: runId, status: 'FAILED', end_time: at }).catch(() => {});
    throw thrown;
  }
  await call('POST', 'runs/update', { run_id: runId, status: statusOf(run), end_time: at });
  return { experimentId, runId };
}

const statusOf = ({ state }: RunRecord): string =>
  state === 'failed' ? 'FAILED' : state === 'stopped' ? 'KILLED' : 'FINISHED';

async function experimentOf(call: Call, name: string): Promise<string> {
  const found = await call<{ experiment: { experiment_id: string } }>(
    'GET',
    `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
    undefined,
    'RESOURCE_DOES_NOT_EXIST',
  );
  if (found !== null) return found.experiment.experiment_id;
  return (await call<{ experiment_id: string }>('POST', 'experiments/create', { name })).experiment_id;
}

/** The leaves of the config, by their path, in order. */
function parametersOf(config: Readonly<Record<string, unknown>>): { key: string; value: string }[] {
  const paths = (value: unknown, path: string): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, each]) => paths(each, path === '' ? key : `${path}.${key}`))
      : [path];
  return paths(config, '')
    .filter((path) => path !== '')
    .map((path) => {
      const value = fieldOf(config, path);
      const shown = typeof value === 'string' ? value : JSON.stringify(value);
      return { key: nameOf(path), value: shown.slice(0, longestParameter) };
    });
}

/** MLflow takes letters, digits, `_`, `-`, `.`, space, `:` and `/` in names of at most 250. */
const nameOf = (tag: string): string => tag.replace(/[^\w\-. /]/g, '_').slice(0, 250);

const batches = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

interface Call {
  <T = unknown>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>;
  /** @param absent - the error code that stands for `null` */
  <T = unknown>(method: 'GET' | 'POST', path: string, body: undefined, absent: string): Promise<T | null>;
}

function caller({ url, token }: MlflowOptions): Call {
  const base = addressOf(url);
  return async <T>(method: string, path: string, body?: object, absent?: string): Promise<T> => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}/api/2.0/mlflow/${path}`, {
        method,
        headers: {
          ...(token === undefined || token === '' ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error', // the token goes to no other host
        signal: AbortSignal.timeout(patience),
      });
      text = await response.text();
    } catch (cause) {
      const why =
        cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : (cause as Error).message;
      throw new FederatedError('CONNECTION_REFUSED', `the MLflow server at ${base} does not answer: ${why}`, { cause });
    }
    const answer = parsed(text);
    if (response.ok && answer !== null) return answer as T;
    if (absent !== undefined && answer?.['error_code'] === absent) return null as T;
    const code = response.status === 401 || response.status === 403 ? 'NOT_AUTHORISED' : 'BAD_STATE';
    const said = [answer?.['error_code'], answer?.['message']].filter((part) => typeof part === 'string').join(' ');
    const advice = code === 'NOT_AUTHORISED' ? '; set MLFLOW_TRACKING_TOKEN' : '';
    throw new FederatedError(
      code,
      `MLflow at ${base} answered ${response.status} to ${path.split('?')[0]}: ${said === '' ? text.slice(0, 120) : said}${advice}`,
    );
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function addressOf(url: string): string {
  const parsedUrl = URL.canParse(url) ? new URL(url) : null;
  if (parsedUrl === null || !/^https?:$/.test(parsedUrl.protocol) || parsedUrl.username !== '') {
    const message = `--mlflow: expected an http or https address without a password, such as http://127.0.0.1:5000, got ${JSON.stringify(url)}`;
    throw new FederatedError('BAD_ARGUMENT', message);
  }
  return `${parsedUrl.origin}${parsedUrl.pathname}`.replace(/\/+$/, '');
}
