import * as fs from 'node:fs/promises';
import * as paths from 'node:path';
import { folderMaker } from '../../shared/make-folders.ts';

export const makeFolder = folderMaker(fs, paths);
