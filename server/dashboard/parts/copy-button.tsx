import { useSignal } from '@preact/signals';

/** Copies a text; where the browser does not allow it (plain http on another machine), says so. */
export function CopyButton({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const said = useSignal('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      said.value = 'Copied';
    } catch {
      said.value = 'Select and copy by hand';
    }
    setTimeout(() => (said.value = ''), 2_000);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      <span aria-live="polite">{said.value || label}</span>
    </button>
  );
}
