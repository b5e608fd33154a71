/** What the numbers of the catalogue were made on. The numbers themselves depend on the seed and the backend alone. */
export const twoCores = 'two shared cores of an AMD EPYC, Node 20, backend wasm, one worker';
