// msgpackr's entry without `new Function`, which ships without types of its own.
declare module 'msgpackr/index-no-eval' {
  export { Packr, Unpackr } from 'msgpackr';
}
