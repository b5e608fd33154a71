/** Every coordinate of the update that each client of `swarm-process.ts` sends. */
export const swarmUpdate = 0.001;
