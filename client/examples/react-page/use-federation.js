import { FederatedClient } from 'fedloom/client';
import { useEffect, useState } from 'react';

/**
 * Takes part as long as the component is there.
 * @param link - the join link; null waits
 * @param data - called in the page when a task has arrived
 */
export function useFederation(link, data) {
  const [client, setClient] = useState(null);
  const [message, setMessage] = useState('');
  const [rounds, setRounds] = useState([]);
  useEffect(() => {
    if (link === null) return undefined;
    const joined = new FederatedClient({ url: link, data });
    const leave = new AbortController();
    joined.addEventListener('state', ({ detail }) => setMessage(detail.message));
    const run = async () => {
      for await (const outcome of joined.join({ signal: leave.signal })) setRounds((before) => [...before, outcome]);
    };
    run().catch((error) => setMessage(error.message));
    setClient(joined);
    return () => leave.abort();
  }, [link, data]);
  return { client, message, rounds };
}
