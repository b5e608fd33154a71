/** `fedloom/simulations`: data sets for federations on one machine, and the benchmarks. */
export { find, list, loadData, parseSpec, type DataSet } from './datasets/registry.ts';
export type { LoadedData } from './datasets/loaded.ts';
export { benchServer } from './bench/server.ts';
export type { BenchReport, BenchRow } from './bench/report.ts';
