import { CopyButton } from '../parts/copy-button.tsx';
import { QrCode } from '../parts/qr-code.tsx';
import { plural } from '../format.ts';
import { config, dialog, isAdmin, run, server } from '../store/state.ts';

/** Instead of the cards, as long as nobody is there: what to do next. */
export function Empty() {
  return run.value === null ? <NoRun /> : <NoClients />;
}

function NoRun() {
  return (
    <section class="card empty" aria-labelledby="empty-title">
      <h2 id="empty-title">No run yet.</h2>
      <p>A run trains one task with the clients that join. It starts by itself as soon as enough of them are ready.</p>
      {isAdmin.value ? (
        <button type="button" class="primary" onClick={() => (dialog.value = { kind: 'new' })}>
          New run
        </button>
      ) : (
        <p class="note">An admin of this server can begin one.</p>
      )}
    </section>
  );
}

function NoClients() {
  const link = server.value?.joinLink;
  const needed = Math.max(config.value?.minClients ?? 1, config.value?.clientsPerRound ?? 1);
  const source = config.value?.task.data.source;
  const command = `npx fedloom join '${link}' \\
  --data ${source === undefined ? 'YOUR-DATA.csv' : `'${source}:0/10'`}`;
  const fragment = link?.includes('#') === true ? link.slice(link.indexOf('#')) : '';
  return (
    <section class="card empty" aria-labelledby="empty-title">
      <h2 id="empty-title">Waiting for the first client.</h2>
      <p>
        Training starts by itself when {plural(needed, 'client')} {needed === 1 ? 'is' : 'are'} connected.
      </p>
      {link === undefined ? (
        <p class="note">The join link is shown to admins: it lets a client in.</p>
      ) : (
        <div class="empty-ways">
          <div>
            <h3>On any machine with Node</h3>
            <div class="command">
              <pre tabIndex={0} aria-label="Command that joins">
                {command}
              </pre>
              <CopyButton text={command} />
            </div>
            <h3>In a browser</h3>
            <p>
              or{' '}
              <a href={`try${fragment}`} target="_blank" rel="noopener noreferrer">
                open this page’s client in another tab
              </a>
            </p>
          </div>
          <figure>
            <QrCode text={link} name="The join link as a QR code" />
            <figcaption>The join link</figcaption>
          </figure>
        </div>
      )}
    </section>
  );
}
