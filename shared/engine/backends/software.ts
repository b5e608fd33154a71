import { FederatedError } from '../../errors.ts';
import type { Device } from './backend.ts';

/**
 * Whether the names that a graphics device gives itself are those of a software renderer: SwiftShader (Chromium), llvmpipe,
 * lavapipe and softpipe (Mesa), WARP and the Basic Render Driver (Windows).
 */
export const isSoftwareRenderer = (names: string): boolean =>
  /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b|software/i.test(names);

/** @throws FederatedError NO_BACKEND for a device in software, unless such a one is allowed */
export function checkHardware(device: Device, allowSoftware: boolean): Device {
  if (!device.isSoftware || allowSoftware) return device;
  throw new FederatedError(
    'NO_BACKEND',
    `software imitates the graphics device (${device.adapter ?? 'without a name'}), which is slower than wasm; ` +
      'it is used when the backend is asked for by its name',
  );
}
