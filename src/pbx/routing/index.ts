export { DialPlan, dialledNumber, type Plan, type Target } from './dial-plan.ts';
