import { report } from '../figures.ts';
import { torture } from './torture.ts';

await report(torture, { count: 50 });
