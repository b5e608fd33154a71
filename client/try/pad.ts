import type { Ink } from './digit.ts';

/** Width of the pen, in parts of the pad. */
const pen = 0.075;

/** A canvas to draw on with pointer, finger or pen. */
export class Pad {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #last: { readonly x: number; readonly y: number } | null = null;

  /** @param changed - called after each stroke and each clearing */
  constructor(canvas: HTMLCanvasElement, changed: () => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { willReadFrequently: true })!;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#last = this.#place(event);
      this.#strokeTo(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      for (const each of event.getCoalescedEvents()) this.#strokeTo(each);
    });
    const end = (): void => {
      if (this.#last === null) return;
      this.#last = null;
      changed();
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    this.#changed = changed;
    this.#wipe();
  }

  readonly #changed: () => void;

  clear(): void {
    this.#wipe();
    this.#changed();
  }

  #wipe(): void {
    const { width, height } = this.#canvas;
    this.#context.fillStyle = '#fff';
    this.#context.fillRect(0, 0, width, height);
  }

  /** Puts a picture of dark ink on light paper in the place of what is drawn. */
  async show(file: Blob): Promise<void> {
    const picture = await createImageBitmap(file);
    const { width, height } = this.#canvas;
    const scale = Math.min(width / picture.width, height / picture.height);
    const [w, h] = [picture.width * scale, picture.height * scale];
    this.#wipe();
    this.#context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    picture.close();
    this.#changed();
  }

  ink(): Ink {
    const { width, height } = this.#canvas;
    const { data } = this.#context.getImageData(0, 0, width, height);
    const values = Float32Array.from({ length: width * height }, (_, i) => 1 - data[4 * i]! / 255);
    return { width, height, values };
  }

  #place({ clientX, clientY }: PointerEvent): { x: number; y: number } {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const { width: across, height: down } = this.#canvas;
    return { x: ((clientX - left) / width) * across, y: ((clientY - top) / height) * down };
  }

  #strokeTo(event: PointerEvent): void {
    if (this.#last === null) return;
    const to = this.#place(event);
    const context = this.#context;
    context.strokeStyle = '#000';
    context.lineCap = 'round';
    context.lineWidth = pen * this.#canvas.width;
    context.beginPath();
    context.moveTo(this.#last.x, this.#last.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    this.#last = to;
  }
}
