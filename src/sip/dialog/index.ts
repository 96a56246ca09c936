export {
  type AcceptUser,
  Dialog,
  type DialogAnswer,
  type DialogContext,
  type DialogRequest,
  type DialogState,
  type DialogUser,
  dialogKey,
  dialogStateOfRequest,
  dialogStateOfResponse,
  newTag,
} from './dialog.ts';
