import type { ComponentChildren } from 'preact';

import { useMemo } from 'preact/hooks';

let cards = 0;

export interface CardProps {
  readonly title: string;
  /** Columns of the grid, of 12. */
  readonly span: number;
  readonly meta?: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly id?: string;
  readonly children: ComponentChildren;
}

export function Card({ title, span, meta, tools, id, children }: CardProps) {
  const name = useMemo(() => `card-${++cards}`, []);
  return (
    <section class={`card span-${span}`} aria-labelledby={name} id={id} tabIndex={id === undefined ? undefined : -1}>
      <header class="card-head">
        <h2 id={name}>{title}</h2>
        {meta !== undefined && <p class="meta">{meta}</p>}
        {tools !== undefined && <div class="tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}
