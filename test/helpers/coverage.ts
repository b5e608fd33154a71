/**
 * Loaded by mocha before the tests: coverage is taken of this process alone. Processes that the tests start would report on
 * the same files too, compiled in other ways, and the reports do not merge into a true one.
 */
delete process.env['NODE_V8_COVERAGE'];
