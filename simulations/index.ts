/** `fedloom/simulations`: federations on one machine; data sets, partitions, measures and charts for them; the benchmarks. */
export { simulate, type Simulation } from './simulate.ts';
export type { SimulatedRound, SimulationResult } from './result.ts';
export type { SimulationOptions } from './simulate-options.ts';
export type { DeviceModel } from './devices.ts';
export { find, list, loadData, parseSpec, type DataSet } from './datasets/registry.ts';
export type { Grouping } from './datasets/groups.ts';
export type { LoadedData, Source } from './datasets/loaded.ts';
export { partition } from './partitions/partition.ts';
export { parsePartition } from './partitions/parse.ts';
export { describePartition, type PartitionDescription } from './partitions/describe.ts';
export { partitionBars, partitionHeatMap, partitionSizes, type PartitionPlot } from './partitions/plot.ts';
export { splitLocally, type LocalSplit } from './partitions/local-split.ts';
export { labelledOf } from './partitions/labelled.ts';
export type { Labelled, Partitioner } from './partitions/partitioner.ts';
export {
  fairnessMetrics,
  federatedEvaluation,
  spreadOf,
  type ClientResult,
  type ClientSpread,
} from './measures/clients.ts';
export { driftMetrics, driftOf, type Drift } from './measures/drift.ts';
export { groupFairness, groupMetrics, modelFairness, predictedClasses, type GroupFairness } from './measures/groups.ts';
export { crossingAt, firstAt, type CurvePoint } from './measures/target.ts';
export { experimentByName, experiments } from './experiments/catalog.ts';
export type { Experiment, ExperimentSettings, Numbers } from './experiments/experiment.ts';
export { runExperiment, type ExperimentOptions } from './experiments/run-experiment.ts';
export { hyperband, successiveHalving, type Bracket } from './search/brackets.ts';
export { search, type Evaluate, type SearchPlan, type SearchResult } from './search/search.ts';
export { parseSpace, type Dimension } from './search/space.ts';
export { benchServer } from './bench/server.ts';
export type { BenchReport, BenchRow } from './bench/report.ts';
export { barChart, type BarChart } from './reports/charts/bar-chart.ts';
export { boxChart, type BoxChart } from './reports/charts/box-chart.ts';
export type { Look } from './reports/charts/drawing.ts';
export { heatMap, type HeatMap } from './reports/charts/heat-map.ts';
export { histogram, type Histogram } from './reports/charts/histogram.ts';
export { lineChart, type LineChart } from './reports/charts/line-chart.ts';
export { compareFigure } from './reports/compare-figure.ts';
export { compareRuns, type Comparison } from './reports/compare.ts';
export { readFolder } from './reports/read-folder.ts';
export { reportPage } from './reports/report-page.ts';
export type { RunRecord } from './reports/run-record.ts';
export { csv } from './reports/sinks/csv.ts';
export { logToMlflow } from './reports/sinks/mlflow.ts';
export { eventFile } from './reports/sinks/tensorboard.ts';
export { writeReport } from './reports/write-report.ts';
