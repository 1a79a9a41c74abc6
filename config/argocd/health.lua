-- Health of a FanoutRoute for Argo CD: the value of
-- resource.customizations.health.fanout.dev_FanoutRoute in the ConfigMap argocd-cm.
-- Whether backends are healthy is no part of it: a supplier's failure is no failure
-- of a deployment.
local health = {status = "Progressing", message = "Waiting for the operator"}
if obj.status == nil or obj.status.conditions == nil then
  return health
end
local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end
local stalled, ready, reconciling = found.Stalled, found.Ready, found.Reconciling
if stalled ~= nil and stalled.status == "True" and stalled.observedGeneration == obj.metadata.generation then
  health.status = "Degraded"
  health.message = stalled.message
elseif reconciling ~= nil and reconciling.status == "True" and reconciling.observedGeneration == obj.metadata.generation then
  health.message = reconciling.message
elseif ready ~= nil then
  if ready.observedGeneration ~= obj.metadata.generation then
    health.message = "The operator has not seen this generation yet"
    return health
  end
  if ready.status == "True" then
    health.status = "Healthy"
  end
  health.message = ready.message
end
return health
