// Cruises the tree and refuses to be green for nothing: under an unsupported TypeScript the cruiser sees no module at all.
import { cruise } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const least = Number(process.env.LEAST_MODULES ?? 100);
const { ruleSet, ...options } = await extractDepcruiseOptions('./.dependency-cruiser.cjs');
const { output } = await cruise(['src', 'sandbox', 'bench'], { ruleSet, ...options, validate: true }, undefined, {
  tsConfig: extractTSConfig('./tsconfig.json'),
});
const modules = output.modules.filter((module) => !module.source.includes('node_modules') && /\.m?ts$/.test(module.source)).length;
for (const { rule, from, to } of output.summary.violations) console.error(`${rule.severity}: ${rule.name}: ${from} → ${to}`);
if (modules < least) {
  console.error(`only ${modules} modules were cruised, expected at least ${least}`);
  process.exit(1);
}
if (output.summary.error > 0) process.exit(1);
console.log(`imports: ${modules} modules, ${output.summary.totalDependenciesCruised} dependencies, no rule broken`);
