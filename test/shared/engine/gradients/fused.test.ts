import { FusedEngine } from '../../../../shared/engine/fused/fused-engine.ts';
import { describeEngine } from '../../../contracts/engine.ts';
import { describeGradients } from '../../../contracts/engine-gradients.ts';
import { catalogModels } from '../../../helpers/reference/catalog-models.ts';
import { referenceModels } from '../../../helpers/reference/models.ts';

describeEngine('the fused engine', FusedEngine.create, referenceModels);
describeGradients('the fused engine', FusedEngine.create, catalogModels);
