import { expect } from 'chai';
import {
  asFederatedError,
  closeCodeOf,
  errorCodeOfClose,
  errorCodes,
  FederatedError,
  isErrorCode,
  type ErrorCode,
} from '../../shared/errors.ts';

const codes = Object.keys(errorCodes) as ErrorCode[];

describe('error codes', () => {
  it('have close codes of the private range, each its own (RFC 6455, section 7.4.2)', () => {
    const closes = codes.map((code) => errorCodes[code].close).filter((close) => close !== null);
    expect(closes.every((close) => close >= 4000 && close <= 4999)).to.equal(true);
    expect(new Set(closes).size).to.equal(closes.length);
  });

  it('can be told from a close code again', () => {
    for (const code of codes.filter((each) => errorCodes[each].close !== null)) {
      expect(errorCodeOfClose(closeCodeOf(code))).to.equal(code);
    }
    expect(errorCodeOfClose(1006)).to.equal(undefined);
    expect(closeCodeOf('NOT_FOUND')).to.equal(4500); // one without a close code of its own
  });

  it('are known by their own names only', () => {
    expect(isErrorCode('BAD_FRAME')).to.equal(true);
    for (const text of ['bad_frame', '', 'toString', '__proto__']) expect(isErrorCode(text)).to.equal(false);
  });
});

describe('FederatedError', () => {
  it('carries code, sentence, cause and whether to try again', () => {
    const cause = new Error('below');
    const error = new FederatedError('STORE_FULL', 'the disk is full', { cause });
    expect(error)
      .to.be.instanceOf(Error)
      .and.include({ name: 'FederatedError', code: 'STORE_FULL', retry: true, cause });
    expect(new FederatedError('NOT_FOUND', 'gone').retry).to.equal(false);
  });

  it('is made of anything that was thrown', () => {
    const ours = new FederatedError('NOT_FOUND', 'gone');
    expect(asFederatedError(ours, 'BAD_DATA')).to.equal(ours);
    const theirs = new TypeError('x is not a function');
    expect(asFederatedError(theirs)).to.include({ code: 'INTERNAL', message: theirs.message, cause: theirs });
    expect(asFederatedError('text', 'BAD_DATA')).to.include({ code: 'BAD_DATA', message: 'text' });
    expect(asFederatedError(undefined)).to.include({ message: 'undefined' });
  });
});
