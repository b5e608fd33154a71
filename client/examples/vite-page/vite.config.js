import { fedloom } from 'fedloom/vite';

export default {
  plugins: [fedloom()], // in development Vite would otherwise lose the worker of this dependency
  build: { target: 'es2022' },
};
