"""What a user would write without Runyard: the imports, the model, its adapters, the texts, and one step.

`bare_script.py MODEL_FOLDER TEXTS` prints the time (seconds since 1970) at which the step was done.
"""

import sys
import time

import polars as pl
import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModel, AutoTokenizer

folder, texts = sys.argv[1:]
torch.set_num_threads(1)
encoder = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
encoder = get_peft_model(encoder, LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, r=8, lora_alpha=16))
head = torch.nn.Linear(encoder.config.hidden_size, 2)
table = pl.read_parquet(texts)
rows = tokenizer(table["text"].to_list(), truncation=True, max_length=64, padding=True, return_tensors="pt")
labels = torch.tensor((table["label"] == "great").cast(pl.Int64).to_list())
parameters = [p for p in [*encoder.parameters(), *head.parameters()] if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
ids, mask = rows["input_ids"][:16], rows["attention_mask"][:16]
hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
torch.nn.functional.cross_entropy(head(pooled), labels[:16]).backward()
torch.nn.utils.clip_grad_norm_(parameters, 1.0)
optimizer.step()
print(time.time())
