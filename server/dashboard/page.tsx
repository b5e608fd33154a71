import { Banners } from './cards/banners.tsx';
import { ClientsCard } from './cards/client-cells.tsx';
import { AccuracyCard, LossCard } from './cards/curves.tsx';
import { Dialogs } from './cards/dialogs.tsx';
import { Empty } from './cards/empty.tsx';
import { EventsCard } from './cards/events.tsx';
import { FairnessCard } from './cards/fairness.tsx';
import { Header } from './cards/header.tsx';
import { Login } from './cards/login.tsx';
import { More } from './cards/more.tsx';
import { PrivacyCard } from './cards/privacy.tsx';
import { RoundClientsCard } from './cards/round-clients.tsx';
import { RoundsStrip } from './cards/rounds-strip.tsx';
import { Tiles } from './cards/tiles.tsx';
import { clients, connection, rounds, run, server } from './store/state.ts';

/** The whole page, top to bottom. */
export function Page() {
  if (connection.value === 'login') return <Login />;
  if (server.value === null) {
    return (
      <main class="login">
        <p role="status">
          {connection.value === 'lost' ? 'The server does not answer. Trying again …' : 'Connecting …'}
        </p>
      </main>
    );
  }
  const isEmpty =
    run.value === null ||
    (rounds.value.length === 0 &&
      run.value.current === null &&
      !clients.value.some(({ connected }) => connected) &&
      run.value.state === 'waiting');
  return (
    <>
      <a class="skip" href="#main">
        Skip to the cards
      </a>
      <Header />
      <main id="main" tabIndex={-1} class={connection.value === 'lost' ? 'grid stale' : 'grid'}>
        {isEmpty ? (
          <Empty />
        ) : (
          <>
            <Banners />
            <RoundsStrip />
            <Tiles />
            <AccuracyCard />
            <ClientsCard />
            <LossCard />
            <FairnessCard />
            <PrivacyCard />
            <RoundClientsCard />
            <EventsCard />
            <More />
          </>
        )}
      </main>
      <Dialogs />
    </>
  );
}
