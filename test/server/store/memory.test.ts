import { memoryBlobs, memoryStore } from '../../../server/store/memory.ts';
import { describeBlobs } from '../../contracts/blobs.ts';
import { describeStore } from '../../contracts/store.ts';

describeStore('memoryStore', async () => memoryStore());
describeBlobs('memoryBlobs', async () => memoryBlobs());
