import { fedloom } from 'fedloom/vite';

export default {
  plugins: [fedloom()], // in development Vite would otherwise lose the worker of this dependency
  oxc: { jsx: { runtime: 'automatic', importSource: 'react' } },
  build: { target: 'es2022' },
};
