/**
 * Bugs as people make them: each replaces a text that stands in a file once. `tests` are the files most likely to notice beside
 * the simulation, which runs `seeds` plain worlds and `secure` with secure aggregation.
 */
export const plantedBugs = [
  {
    name: 'clients hear of a round before it is durable',
    file: 'server/run/round-writer.ts',
    from: '    await store.commitRound(record.run, {',
    to: '    this.#tellCommitted(attempt, record);\n    await store.commitRound(record.run, {',
    tests: ['test/integration/kill.test.ts'],
  },
  {
    name: 'the round is stored before its model',
    file: 'server/run/round-writer.ts',
    from: '    const weights = await blobs.put(floatBytes(next.weights));\n',
    to:
      "    const { createHash } = await import('node:crypto');\n" +
      "    const weights = createHash('sha256').update(floatBytes(next.weights)).digest('hex') as Sha256;\n" +
      '    setImmediate(() => setTimeout(() => void blobs.put(floatBytes(next.weights)), 5));\n',
    tests: ['test/integration/kill.test.ts'],
  },
  {
    name: 'a second report of a client is taken',
    file: 'server/uploads/report-check.ts',
    from: 'if (context.counted !== undefined) {',
    to: 'if (context.counted !== undefined && context.round < 0) {',
    tests: ['test/server/uploads/report-check.test.ts'],
  },
  {
    name: 'a round closes with one report too few',
    file: 'server/round.ts',
    from: 'pending === 0 && given >= least;',
    to: 'pending === 0 && given + 1 >= least;',
    tests: ['test/server/round.test.ts'],
  },
  {
    name: 'the least number of reports is ignored',
    file: 'server/selection.ts',
    from: 'export function minReportsOf(',
    to: 'export const minReportsOf = (..._: unknown[]): number => 1;\nexport function unusedMinReportsOf(',
    tests: ['test/server/selection.test.ts'],
  },
  {
    name: 'a replayed message opens again',
    file: 'shared/protocol/channel.ts',
    from: '    if (plaintext !== null) return plaintext;\n',
    to:
      '    if (plaintext !== null) return plaintext;\n' +
      '    const again = this.#aead.open(this.#receiveKey, nonceOf(this.#aead, Math.max(0, --this.#received - 1)), sealed);\n' +
      '    if (again !== null) return again;\n',
    tests: ['test/shared/protocol/channel.test.ts'],
  },
  {
    name: 'the deadline is never set',
    file: 'server/attempt/clocks.ts',
    from: '    this.#cancelDeadline = this.#clock.after(Math.max(0, at - this.#clock.steady()), over);\n',
    to: '    void over;\n',
    tests: ['test/integration/faults.test.ts'],
  },
  {
    name: 'tokens of sessions that are over stay',
    file: 'server/gateway/gateway.ts',
    from: '    if (token !== undefined) this.#tokens.delete(token);\n',
    to: '    void token;\n',
    tests: [],
  },
  {
    name: 'a model is removed before the store says so',
    file: 'server/run/pruner.ts',
    from: 'if (news.length > 0) await store.markPruned(id, news);',
    to: 'if (news.length > 0) setTimeout(() => void store.markPruned(id, news).catch(() => {}), 50);',
    tests: ['test/server/run/pruner.test.ts'],
  },
  {
    name: 'the newest models are removed as well',
    file: 'server/run/pruner.ts',
    from: 'models.slice(-keep)',
    to: 'models.slice(-0.5 * keep)',
    tests: ['test/server/run/pruner.test.ts'],
  },
  {
    name: 'every attempt of a run stays in memory',
    file: 'server/run/ended-attempts.ts',
    from: 'this.#rows > this.#most',
    to: 'this.#rows < 0',
    tests: ['test/server/run/ended-attempts.test.ts'],
  },
  {
    name: 'durations are measured by the calendar',
    file: 'server/host.ts',
    from: 'steady: () => Math.floor(performance.now())',
    to: 'steady: () => Date.now()',
    tests: ['test/integration/clock-jumps.test.ts'],
  },
  {
    name: 'an attempt is begun before its line in the ledger is durable',
    file: 'shared/secagg/ledger.ts',
    from: '    await this.#keep(run, last?.round === round ? { ...last, attempt } : { round, attempt });\n',
    to: '    void this.#keep(run, last?.round === round ? { ...last, attempt } : { round, attempt });\n',
    tests: ['test/shared/secagg/ledger.test.ts', 'test/client/secure-rounds.test.ts'],
  },
  {
    name: 'a client forgets its update when it is received',
    file: 'client/session/receive.ts',
    from: "      return show([{ ...state, stage: 'received' }, []], 'reported', 'round-in-progress');",
    to:
      "      return show([{ ...state, stage: 'received', kept: null }, state.kept === null ? [] : " +
      "[{ do: 'forget', key: state.kept.key }]], 'reported', 'round-in-progress');",
    tests: ['test/client/session.test.ts'],
  },
  {
    name: 'a client trains a round again after a reconnect',
    file: 'client/session/receive.ts',
    from: '  if (state.kept?.key === key) return contribute(state, job, state.kept);\n',
    to: '',
    tests: ['test/client/session.test.ts'],
  },
  {
    name: 'a client goes on under the number of an earlier attempt',
    file: 'client/session/receive.ts',
    from: "    return show([{ ...state, job }, effects], state.stage === 'training' ? 'training' : 'downloading');",
    to: "    return show([state, effects], state.stage === 'training' ? 'training' : 'downloading');",
    tests: ['test/client/session.test.ts'],
  },
  {
    name: 'the round of a report is not checked',
    file: 'server/uploads/report-check.ts',
    from: '  if (report.round < round)',
    to: '  if (report.round < 0)',
    tests: ['test/server/uploads/report-check.test.ts'],
  },
  {
    name: 'the number of examples is not bounded',
    file: 'server/uploads/report-check.ts',
    from: 'report.examples > context.maxExamples',
    to: 'report.examples > Number.MAX_SAFE_INTEGER',
    tests: ['test/server/uploads/report-check.test.ts'],
  },
  {
    name: 'every attempt has the same keys',
    file: 'shared/secagg/client-half.ts',
    from: 'const secrets = { mask: randomBytes(32), share: randomBytes(32), seed: randomBytes(32) };',
    to:
      'const fixed = (name: string): Uint8Array => primitives.sha256(new TextEncoder().encode(name + toHex(identity.publicKey)));\n' +
      "      const secrets = { mask: fixed('m'), share: fixed('c'), seed: fixed('b') };\n      void randomBytes;",
    tests: [
      'test/shared/secagg/attacks.test.ts',
      'test/client/secure-rounds.test.ts',
      'test/integration/secure-secrets.test.ts',
    ],
  },
  {
    name: 'an update goes out in clear under secure aggregation',
    file: 'client/session/moves.ts',
    from: '  if (job.plans === null) return offer({ ...state, job }, job, update, update);',
    to: '  if (job.plans === null || job.attempt > 0) return offer({ ...state, job }, job, update, update);',
    tests: ['test/client/session.test.ts'],
  },
  {
    name: 'every part of a mask by AES begins with the same counter block',
    file: 'shared/crypto/native.ts',
    from: 'start.setBigUint64(8, 4n * BigInt(firstBlock))',
    to: 'start.setBigUint64(8, 0n * BigInt(firstBlock))',
    tests: ['test/shared/crypto/prg.test.ts', 'test/shared/vector/masking.test.ts'],
  },
  {
    name: 'a server names AES though one of the cohort has not offered it',
    file: 'server/aggregation/secure-plans.ts',
    from: "offers.every((each) => each.includes('aes-256-ctr'))",
    to: "offers.some((each) => each.includes('aes-256-ctr'))",
    tests: ['test/server/aggregation/secure-plans.test.ts', 'test/integration/secure.test.ts'],
  },
  {
    name: 'a client makes masks by whatever generator the server names',
    file: 'shared/secagg/policy.ts',
    from: 'if (!generators.includes(generator)) {',
    to: 'if (!generators.includes(generator) && generators.length === 0) {',
    tests: ['test/shared/secagg/policy.test.ts', 'test/client/secure-rounds.test.ts'],
  },
  {
    name: 'a client helps to unmask any sums of a round',
    file: 'shared/secagg/ledger.ts',
    from: '    if (differences.includes(0)) return;\n',
    to: '    if (differences.length >= 0) return;\n',
    tests: ['test/shared/secagg/ledger.test.ts'],
  },
  {
    name: 'a server that was killed has two attempts at once',
    file: 'server/run/active-run.ts',
    from: 'if (!isTakenUp || isOver',
    to: 'if (isOver',
    tests: ['test/server/coordinator.test.ts'],
  },
  {
    name: 'the end of an old connection makes the new one absent',
    file: 'server/coordinator.ts',
    from: '    if (client === undefined || client.session !== session) return; // another session of this client has taken over\n',
    to: '    if (client === undefined) return;\n',
    tests: ['test/integration/faults.test.ts', 'test/server/coordinator.test.ts'],
  },
  {
    name: 'a gap in an upload is not noticed',
    file: 'server/uploads/uploads.ts',
    from: 'if (offset !== upload.offset || offset',
    to: 'if (offset',
    tests: ['test/server/uploads/uploads.test.ts'],
  },
  {
    name: 'every client weighs the same',
    file: 'server/aggregation/round-sum.ts',
    from: "const weight = this.#weighting === 'examples' ? examples : 1;",
    to: 'const weight = 1;',
    tests: ['test/server/aggregation/round-sum.test.ts'],
  },
];
