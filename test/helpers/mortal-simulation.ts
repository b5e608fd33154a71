import { simulate, type SimulationOptions } from '../../simulations/simulate.ts';
import { cloudSimulation } from './small-federation.ts';

/** A simulation in a process of its own that says which round has ended, and goes on until it is killed. */
const [out, options] = process.argv.slice(2);
const changes = JSON.parse(options!) as Partial<SimulationOptions>;
for await (const { round } of simulate(cloudSimulation({ ...changes, out: out! }))) process.send!(round);
