import { errorCodes, type ErrorCode } from '../../shared/errors.ts';
import { dropJob, same, show, type Step } from './moves.ts';
import type { SessionEffect, SessionState } from './types.ts';

/**
 * What another try may mend is tried again for ever, with growing pauses. A refusal is the end if it was sealed; if not, damaged bytes
 * may have made it, or somebody on the way: trying again is safe, since each handshake authenticates the server anew, and a server with
 * another key is never spoken to. So it is said, and tried again, until the same refusal has come `maxDoubts` times in a row.
 */
export function disconnected(state: SessionState, code: ErrorCode, message: string, isSure: boolean): Step {
  if (state.link === 'off' || state.link === 'waiting-to-retry') return same(state);
  // Work goes on while the connection is away; its result is offered when the server asks again.
  const stage = state.stage === 'uploading' || state.stage === 'received' ? 'offered' : state.stage;
  const lost: SessionState = { ...state, stage, sent: 0, told: false, failures: state.failures + 1 };
  const isRefusal = !errorCodes[code].retry;
  const times = state.doubt?.code === code ? state.doubt.times + 1 : 1;
  if (isRefusal && (isSure || times >= state.maxDoubts)) {
    const [dropped, effects] = dropJob({ ...lost, link: 'off' });
    return show([dropped, [...effects, { do: 'disconnect' }, { do: 'fail', code, message }]], 'rejected');
  }
  const retry: SessionEffect = { do: 'retry-later', failures: lost.failures };
  const said = `${message} (${times} of ${state.maxDoubts} tries; it may be damage on the way, so the next one follows)`;
  const problem: SessionEffect[] = isRefusal ? [{ do: 'problem', code, message: said }] : [];
  const doubt = isRefusal ? { code, times } : state.doubt;
  return show(
    [{ ...lost, doubt, link: 'waiting-to-retry' }, [{ do: 'disconnect' }, ...problem, retry]],
    'connecting',
    'server-unreachable',
  );
}
