import type { ServerEvent } from '../../operations.ts';
import { time } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { chosenRound, events, run } from '../store/state.ts';

/** Events that are in the document: the newest. */
const most = 80;

const isBad = ({ type, data }: ServerEvent): boolean =>
  type === 'refused' || data['result'] === 'abandoned' || data['state'] === 'failed' || data['code'] !== undefined;
const isWarning = ({ data }: ServerEvent): boolean => data['result'] === 'short' || data['state'] === 'paused';

/** What an operator can change so that a round that was given up succeeds. */
export const advice = 'Lower minReports or raise roundTimeout in the next run.';

export function EventsCard() {
  const at = chosenRound.value;
  const of = (event: ServerEvent): boolean =>
    (event.run === null || event.run === run.value?.id) &&
    (at === null || event.data['round'] === at.round || (event.at >= at.startedAt && event.at <= at.endedAt));
  const shown: ServerEvent[] = [];
  for (let index = events.value.length - 1; index >= 0 && shown.length < most; index--) {
    const event = events.value[index]!;
    if (of(event)) shown.push(event);
  }
  return (
    <Card title="Events" span={4} meta={at === null ? 'newest first' : `of round ${at.round}`}>
      <div class="events scroll" role="log" aria-label="Events" tabIndex={0}>
        {shown.length === 0 ? (
          <p class="quiet-text">
            {at === null
              ? 'Nothing has happened yet.'
              : 'The events of this round are no longer in memory; the run folder has them.'}
          </p>
        ) : (
          <ol>
            {shown.map((event) => (
              <li key={event.id} class={isBad(event) ? 'bad' : isWarning(event) ? 'warn' : ''}>
                <time dateTime={new Date(event.at).toISOString()}>{time(event.at)}</time>
                <span>
                  {event.message}
                  {event.data['result'] === 'abandoned' && ` ${advice}`}
                </span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </Card>
  );
}
