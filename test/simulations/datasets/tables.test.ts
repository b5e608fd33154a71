import { expect } from 'chai';
import { FederatedError } from '../../../shared/errors.ts';
import { parseAdult } from '../../../simulations/datasets/adult.ts';
import { parseHeartDisease } from '../../../simulations/datasets/heart-disease.ts';
import { parseWriters } from '../../../simulations/datasets/images.ts';
import { select } from '../../../simulations/datasets/loaded.ts';
import { tableSource } from '../../../simulations/datasets/table.ts';
import { parseWisdm } from '../../../simulations/datasets/wisdm.ts';

describe('parseHeartDisease', () => {
  const header = 'hospital,age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num';
  const lines = [
    'va,40,1.0,4.0,130,0,0,0,150,0,1.5,2.0,,3,0',
    'va,60,0,4,0,200,,0,140,1,0,,0,7.0,3',
    'zurich,50,1,3,120,300,0,1,130,0,0,1,1,6,1',
  ];
  const table = parseHeartDisease([header, ...lines].join('\n'), 'x');
  const numbers = (name: string): number[] => {
    const column = table.columns.find((each) => each.name === name)!;
    return 'numbers' in column ? Array.from(column.numbers) : [];
  };

  it('takes any disease as class 1, and hospitals as clients', () => {
    expect([...table.labels]).to.deep.equal([0, 1, 1]);
    expect(table.clients).to.deep.equal(['va', 'va', 'zurich']);
    expect(table.groups!['sex']).to.deep.equal(['male', 'female', 'male']);
  });

  it('knows that a cholesterol or blood pressure of 0 was not measured', () => {
    expect(numbers('chol')).to.deep.equal([Number.NaN, 200, 300]);
    expect(numbers('trestbps')).to.deep.equal([130, Number.NaN, 120]);
    expect(numbers('ca')).to.deep.equal([Number.NaN, 0, 1]);
    expect(numbers('oldpeak')).to.deep.equal([1.5, 0, 0]); // here 0 is a value
  });

  it('takes 3 and 3.0 as one kind', () => {
    const kind = table.columns.find(({ name }) => name === 'cp')!;
    expect('categories' in kind && kind.categories).to.deep.equal(['4', '4', '3']);
  });

  it('refuses other tables', () => {
    expect(() => parseHeartDisease('hospital,age\nva,1\n', 'x')).to.throw(FederatedError, /no column "sex"/);
    expect(() => parseHeartDisease(`${header}\nva,1\n`, 'x')).to.throw(FederatedError, /shorter than the header/);
  });
});

describe('parseAdult', () => {
  const row = (age: number, work: string, sex: string, gain: number, income: string): string =>
    `${age}, ${work}, 1, Bachelors, 13, Divorced, Sales, Wife, White, ${sex}, ${gain}, 0, 40, Japan, ${income}\n`;
  const train = `${row(20, 'Private', 'Male', 0, '<=50K')}${row(40, '?', 'Female', Math.E - 1, '>50K')}\n`;
  const test = `|1x3 Cross validator\n${row(50, 'Never-worked', 'Female', 0, '>50K.')}\n`;
  const table = parseAdult(train, test);

  it('keeps the official split and reads labels with and without a dot', () => {
    expect([...table.labels]).to.deep.equal([0, 1, 1]);
    expect(table.rows).to.deep.equal({ train: Uint32Array.of(0, 1), test: Uint32Array.of(2) });
    expect(table.groups!['workclass']).to.deep.equal(['Private', 'unknown', 'Never-worked']);
  });

  it('standardises the test rows by the training rows', () => {
    const { xs, features, groups } = select(tableSource(table, 'test'), null);
    // age, education-num, gain, loss, hours; Private, Divorced, Sales, Wife, White, Female, Male, Japan
    expect(features).to.deep.equal([13]);
    expect([...xs]).to.deep.equal([2, 0, -1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1]); // age: mean 30, deviation 10; gain: ln 1, ln e
    expect(groups!['sex']).to.deep.equal({ names: ['Female'], index: Uint32Array.of(0) });
  });

  it('refuses a short row', () => {
    expect(() => parseAdult('1, 2\n', '')).to.throw(FederatedError, /row 1 has 2 cells, not 15/);
  });
});

describe('parseWisdm', () => {
  const table = parseWisdm('UNIQUE_ID,user,X0,XPEAK,class\n1,4,1,?,Walking\n2,5,9,7,Jogging\n3,4,3,2,Walking\n', 'x');

  it('keeps every fifth person for tests', () => {
    expect(table.rows).to.deep.equal({ train: Uint32Array.of(0, 2), test: Uint32Array.of(1) });
    expect(table.clients).to.deep.equal(['4', '5', '4']);
    expect([...table.labels]).to.deep.equal([5, 1, 5]);
  });

  it('puts the mean where a value is missing', () => {
    expect([...select(tableSource(table, 'train'), null).xs]).to.deep.equal([-1, 0, 1, 0]); // one peak: it has no spread
  });

  it('refuses an activity that it does not know', () => {
    expect(() => parseWisdm('UNIQUE_ID,user,X0,class\n1,4,1,Flying\n', 'x')).to.throw(
      FederatedError,
      /no activity "Flying"/,
    );
  });
});

describe('parseWriters', () => {
  it('gives the writer and the origin of each image', () => {
    const { clients, groups } = parseWriters('index,label,hsf,writer\n0,5,4,2154\n1,0,0,7\n2,4,1,2154\n', 'x', 3);
    expect(clients).to.deep.equal({ names: ['2154', '7'], index: Uint32Array.of(0, 1, 0) });
    expect(groups.origin).to.deep.equal({ names: ['students', 'census'], index: Uint32Array.of(0, 1, 1) });
  });

  it('refuses lines that do not follow the images', () => {
    expect(() => parseWriters('index,label,hsf,writer\n1,5,4,2154\n', 'x', 1)).to.throw(
      FederatedError,
      /in their order/,
    );
    expect(() => parseWriters('index,label,hsf,writer\n', 'x', 1)).to.throw(FederatedError, /a writer for each of 1/);
  });
});
