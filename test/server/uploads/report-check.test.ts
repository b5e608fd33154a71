import { expect } from 'chai';
import { checkReport, type ReportContext } from '../../../server/uploads/report-check.ts';
import type { Report } from '../../../server/uploads/uploads.ts';

const report: Report = {
  type: 'report',
  run: 'digits-1',
  round: 5,
  attempt: 2,
  upload: new Uint8Array(16).fill(1),
  bytes: 40,
  examples: 100,
  encoding: 'float32',
  metrics: {},
};
const context: ReportContext = {
  run: 'digits-1',
  round: 5,
  attempt: 2,
  encoding: 'float32',
  bytes: 40,
  maxExamples: 1_000,
  named: [],
  open: true,
  member: 'training',
  counted: undefined,
};
const codeOf = (changes: Partial<Report>, around: Partial<ReportContext> = {}): string => {
  const verdict = checkReport({ ...report, ...changes }, { ...context, ...around });
  return typeof verdict === 'string' ? verdict : verdict.code;
};

describe('what a report says of itself', () => {
  it('is accepted when all of it fits', () => expect(codeOf({})).to.equal('accept'));
  it('brings the numbers that the strategy needs, within their bounds', () => {
    const named = [{ name: 'local-steps', bound: 100 }];
    const codeWith = (metrics: Report['metrics']): string => codeOf({ metrics }, { named });
    expect(codeWith({ 'local-steps': 100 })).to.equal('accept');
    expect(codeWith({})).to.equal('WRONG_SHAPE');
    expect(codeWith({ 'local-steps': 101 })).to.equal('WRONG_SHAPE');
    expect(codeWith({ 'local-steps': -1 })).to.equal('WRONG_SHAPE');
  });
  it('names the run in progress', () => expect(codeOf({ run: 'other-1' })).to.equal('WRONG_RUN'));
  it('names the round in progress, not one before', () => expect(codeOf({ round: 4 })).to.equal('STALE_ROUND'));
  it('names the round in progress, not round 1,000,000', () => expect(codeOf({ round: 1e6 })).to.equal('FUTURE_ROUND'));
  it('names the attempt in progress', () => {
    expect(codeOf({ attempt: 1 })).to.equal('WRONG_ATTEMPT');
    expect(codeOf({ attempt: 3 })).to.equal('WRONG_ATTEMPT');
  });
  it('comes from a member of the cohort', () => expect(codeOf({}, { member: undefined })).to.equal('NOT_SELECTED'));
  it('comes while the round takes reports', () => {
    expect(codeOf({}, { open: false })).to.equal('ROUND_CLOSED');
    for (const member of ['late', 'lost', 'left', 'failed', 'refused'] as const) {
      expect(codeOf({}, { member })).to.equal('ROUND_CLOSED');
    }
  });
  it('comes once: the same update again is known, another one is refused', () => {
    const counted = { member: 'training', counted: report.upload } as const;
    expect(codeOf({}, counted)).to.equal('known');
    expect(codeOf({ upload: new Uint8Array(16).fill(2) }, counted)).to.equal('DUPLICATE_REPORT');
    expect(codeOf({}, { ...counted, open: false })).to.equal('known');
  });
  it('has exactly the bytes of the model', () => {
    for (const bytes of [0, 36, 44, 41, 2 ** 40]) expect(codeOf({ bytes })).to.equal('WRONG_SHAPE');
  });
  it('has an encoding that the server reads', () => expect(codeOf({ encoding: 'int8' })).to.equal('WRONG_SHAPE'));
  it('claims from one example up to the bound', () => {
    expect(codeOf({ examples: 0 })).to.equal('BAD_EXAMPLES');
    expect(codeOf({ examples: 1_000 })).to.equal('accept');
    expect(codeOf({ examples: 1_001 })).to.equal('BAD_EXAMPLES');
  });
});
