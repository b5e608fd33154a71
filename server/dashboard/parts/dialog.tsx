import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { dialog, problem } from '../store/state.ts';

/** A modal dialog of the platform: focus stays inside, Escape closes it, and focus goes back to where it was. */
export function Modal({
  title,
  wide,
  side,
  children,
}: {
  readonly title: string;
  readonly wide?: boolean;
  /** At the right edge, as a drawer. */
  readonly side?: boolean;
  readonly children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const isOpen = useRef(true);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const shown = element.current!;
    problem.value = '';
    shown.showModal();
    return () => {
      isOpen.current = false;
      shown.close();
      before?.focus();
    };
  }, []);
  const close = (): void => void (dialog.value = null);
  return (
    <dialog
      ref={element}
      class={`${wide === true ? 'wide' : ''} ${side === true ? 'drawer' : ''}`}
      aria-labelledby="dialog-title"
      // At once, and not only when the platform has closed it: the next key is for the page again.
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClose={() => isOpen.current && close()}
      onClick={(event) => event.target === element.current && close()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="quiet" onClick={close} aria-label="Close">
            ✕
          </button>
        </header>
        {problem.value !== '' && (
          <p class="problem" role="alert">
            {problem.value}
          </p>
        )}
        {children}
      </div>
    </dialog>
  );
}
