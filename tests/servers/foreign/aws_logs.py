"""moto: Amazon CloudWatch Logs, which takes the token of the next page in a JSON body."""

import os
import time

os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}

import boto3
from common import read_records
from moto.server import ThreadedMotoServer

if __name__ == "__main__":
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("logs", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    for record in read_records():
        client.create_log_group(logGroupName=record["name"])
    print(f"SERVING http://{host}:{port}", flush=True)
    while True:
        time.sleep(60)
