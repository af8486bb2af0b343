"""Mixed precision is torch's business: ``torch.autocast`` around the forward pass, ``torch.amp.GradScaler``."""

from ._refused import refused

_CAST = "put the forward pass under torch.autocast"
_SCALE = "scale the loss with torch.amp.GradScaler, or use bfloat16, which needs no scaling"

init = refused("mx.contrib.amp.init", _CAST)
init_trainer = refused("mx.contrib.amp.init_trainer", _SCALE)
scale_loss = refused("mx.contrib.amp.scale_loss", _SCALE)
unscale = refused("mx.contrib.amp.unscale", _SCALE)
convert_model = refused("mx.contrib.amp.convert_model", _CAST)
convert_symbol = refused("mx.contrib.amp.convert_symbol", _CAST)
convert_hybrid_block = refused("mx.contrib.amp.convert_hybrid_block", _CAST)
convert_bucketing_module = refused("mx.contrib.amp.convert_bucketing_module", _CAST)
_LISTS = "torch.autocast has lists of its own, which it does not show"
list_lp16_ops = refused("mx.contrib.amp.list_lp16_ops", _LISTS)
list_fp32_ops = refused("mx.contrib.amp.list_fp32_ops", _LISTS)
list_lp16_fp32_ops = refused("mx.contrib.amp.list_lp16_fp32_ops", _LISTS)
list_conditional_fp32_ops = refused("mx.contrib.amp.list_conditional_fp32_ops", _LISTS)
list_widest_type_cast = refused("mx.contrib.amp.list_widest_type_cast", _LISTS)
list_loss_output_functions = refused("mx.contrib.amp.list_loss_output_functions", _LISTS)
list_lp16_use_fp32_params = refused("mx.contrib.amp.list_lp16_use_fp32_params", _LISTS)
