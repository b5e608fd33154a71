/** `fedloom/simulations`: data sets for federations on one machine, and the benchmarks. */
export { find, list, loadData, parseSpec, type DataSet } from './datasets/registry.ts';
export type { Grouping } from './datasets/groups.ts';
export type { LoadedData, Source } from './datasets/loaded.ts';
export { benchServer } from './bench/server.ts';
export type { BenchReport, BenchRow } from './bench/report.ts';
