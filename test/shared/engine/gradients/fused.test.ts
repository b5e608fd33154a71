import { expect } from 'chai';
import { FusedEngine } from '../../../../shared/engine/fused/fused-engine.ts';
import { whyNotFused } from '../../../../shared/engine/fused/stages.ts';
import { describeEngine } from '../../../contracts/engine.ts';
import { describeGradients } from '../../../contracts/engine-gradients.ts';
import type { ModelCase } from '../../../helpers/reference/case.ts';
import { catalogModels } from '../../../helpers/reference/catalog-models.ts';
import { referenceModels } from '../../../helpers/reference/models.ts';

type Models = Readonly<Record<string, ModelCase>>;
const fusedOf = (models: Models): Models =>
  Object.fromEntries(Object.entries(models).filter(([, { model }]) => whyNotFused(model) === null));

describeEngine('the fused engine', FusedEngine.create, fusedOf(referenceModels));
describeGradients('the fused engine', FusedEngine.create, fusedOf(catalogModels));

describe('the fused engine', () => {
  it('takes most of the reference models', () => {
    const taken = Object.keys(fusedOf(referenceModels));
    expect(taken.length / Object.keys(referenceModels).length).to.be.above(0.5);
  });
});
