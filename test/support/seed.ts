import fc from 'fast-check';

/** The same random cases every time, so that a failure is the change's own; FUZZ_SEED=n looks elsewhere. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['FUZZ_SEED'] ?? 20_250_105) });
