import { FederatedError } from '../../errors.ts';
import type { Backend, Device } from './backend.ts';
import { checkHardware, isSoftwareRenderer } from './software.ts';

/** WebGL, on nearly every graphics card; in pages and, by OffscreenCanvas, in workers. */
export const webgl: Backend = {
  name: 'webgl',
  registeredAs: 'webgl',
  runtimes: ['browser'],
  async load({ importModule, allowSoftware }) {
    const device = checkHardware(describe(), allowSoftware);
    await importModule('@tensorflow/tfjs-backend-webgl');
    const tf = await import('./tensorflow.ts');
    if (device.isSoftware) tf.env().set('SOFTWARE_WEBGL_ENABLED', true); // else it sees no WebGL at all
    return device;
  },
};

function describe(): Device {
  const canvas = typeof OffscreenCanvas === 'undefined' ? document.createElement('canvas') : new OffscreenCanvas(1, 1);
  const context = canvas.getContext('webgl2') ?? canvas.getContext('webgl');
  if (context === null) throw new FederatedError('NO_BACKEND', 'this browser has no WebGL, or it is switched off');
  const gl = context as WebGLRenderingContext;
  const details = gl.getExtension('WEBGL_debug_renderer_info');
  const adapter = String(gl.getParameter(details === null ? gl.RENDERER : details.UNMASKED_RENDERER_WEBGL));
  gl.getExtension('WEBGL_lose_context')?.loseContext(); // a page may hold only a few
  return { adapter, isSoftware: isSoftwareRenderer(adapter) };
}
