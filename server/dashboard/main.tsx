import { render } from 'preact';
import { takeToken } from './api.ts';
import { startKeys } from './keys.ts';
import { Page } from './page.tsx';
import './page.css';
import { start } from './store/sync.ts';
import { startCounting } from './store/state-counts.ts';
import { startTheme } from './theme.ts';
import { startTitle } from './title.ts';

takeToken();
startTheme();
startTitle();
startKeys();
startCounting();
render(<Page />, document.getElementById('app')!);
void start();
