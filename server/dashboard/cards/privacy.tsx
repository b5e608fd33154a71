import { Card } from '../parts/card.tsx';
import { run } from '../store/state.ts';

/** What protects the clients, and what does not. */
export function PrivacyCard() {
  const isSecure = run.value?.secureAggregation;
  return (
    <Card title="Privacy budget" span={4} id="privacy" meta="Off. Updates are encrypted, not noised.">
      <dl class="facts tall">
        <div>
          <dt>Differential privacy</dt>
          <dd>
            Off: no noise is added, so no ε is spent and no bound can be given on what the model reveals about one
            client.
          </dd>
        </div>
        <div>
          <dt>Secure aggregation</dt>
          <dd>
            {isSecure === true
              ? 'On: this server learns sums over at least three clients, and no single update.'
              : 'Off: this server sees every single update.'}
          </dd>
        </div>
        <div>
          <dt>On the way</dt>
          <dd>Every message is sealed with keys of its session, also without TLS.</dd>
        </div>
      </dl>
    </Card>
  );
}
