import 'fedloom/consent-element';
import { createRoot } from 'react-dom/client';
import { useFederation } from './use-federation.js';

const link = location.hash.length > 1 ? decodeURIComponent(location.hash.slice(1)) : null;

/** This page's private examples. Outside the component: a new function each time would be a new client each time. */
function examples() {
  const xs = Float32Array.from({ length: 400 }, () => Math.random());
  const ys = Float32Array.from({ length: 200 }, (_, i) => 3 * xs[2 * i] - 2 * xs[2 * i + 1] + 1);
  return { xs, ys };
}

function App() {
  const { client, message, rounds } = useFederation(link, examples);
  return (
    <main>
      <h1>Typing speed</h1>
      {client !== null && <fedloom-consent client={client} />}
      <p role="status">{message}</p>
      <ol>
        {rounds.map(({ round, result }) => (
          <li key={round}>
            round {round}: {result}
          </li>
        ))}
      </ol>
    </main>
  );
}

createRoot(document.querySelector('#app')).render(<App />);
