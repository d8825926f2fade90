"""EC2 and VPC."""

from __future__ import annotations

from ipaddress import ip_network

from rehearsal.aws.declare import AwsService, AwsType, Call, Lookup, call, create
from rehearsal.aws.rules import known, matches, needs, one_of, policy_document, rules, within
from rehearsal.provider import Rejected
from rehearsal.values import Props


def _vpc_cidr(inputs: Props) -> None:
    """VPCs and subnets are /16 to /28 (moto takes a subnet of any size)."""
    block = known(inputs, "cidrBlock")
    if block is None:
        return
    try:
        network = ip_network(str(block))
    except ValueError as error:
        raise Rejected(f"cidrBlock: {block!r} is not a CIDR block ({error})") from None
    if not 16 <= network.prefixlen <= 28:
        raise Rejected(f"cidrBlock: {block} must be between /16 and /28")


def _rule_source(inputs: Props) -> None:
    sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
    given = [key for key in sources if inputs.get(key) is not None]
    if len(given) != 1:
        raise Rejected(f"a rule has exactly one of {', '.join(sources)}; this one has {', '.join(given) or 'none'}")
    if known(inputs, "cidrIpv4"):
        try:
            ip_network(str(inputs["cidrIpv4"]))
        except ValueError as error:
            raise Rejected(f"cidrIpv4: {inputs['cidrIpv4']!r} is not a CIDR block ({error})") from None
    low, high = known(inputs, "fromPort"), known(inputs, "toPort")
    if (
        known(inputs, "ipProtocol") in ("tcp", "udp")
        and low is not None
        and high is not None
        and not 0 <= low <= high <= 65535
    ):
        raise Rejected(f"fromPort–toPort: {low}–{high} is not a range of ports")


def _user_data(inputs: Props) -> None:
    text = known(inputs, "userData") or known(inputs, "userDataBase64")
    size = len(str(text or ""))
    limit = 16384 if known(inputs, "userData") and "ami" in inputs else 21848
    if size > limit:
        key = "userData" if known(inputs, "userData") else "userDataBase64"
        raise Rejected(f"{key}: {size} bytes, more than the 16 KiB that EC2 takes")


def _tags_in_metadata(inputs: Props) -> None:
    """With its tags in the metadata, EC2 takes no tag whose key could not be a part of a path."""
    options = known(inputs, "metadataOptions") or {}
    blocks = [known(inputs, "tags"), *(block.get("tags") for block in known(inputs, "tagSpecifications") or [])]
    keys = [key for tags in blocks for key in (tags or {}) if "/" in key or " " in key]
    if options.get("instanceMetadataTags") == "enabled" and keys:
        raise Rejected(f"tags: {keys[0]!r} has a slash or a space, which instanceMetadataTags does not take")


_PERMISSION = (
    "[{IpProtocol: inputs.ipProtocol, FromPort: inputs.fromPort, ToPort: inputs.toPort,"
    " IpRanges: inputs.cidrIpv4 && [{CidrIp: inputs.cidrIpv4, Description: inputs.description}],"
    " Ipv6Ranges: inputs.cidrIpv6 && [{CidrIpv6: inputs.cidrIpv6, Description: inputs.description}],"
    " PrefixListIds: inputs.prefixListId && [{PrefixListId: inputs.prefixListId, Description: inputs.description}],"
    " UserIdGroupPairs: inputs.referencedSecurityGroupId &&"
    " [{GroupId: inputs.referencedSecurityGroupId, Description: inputs.description}]}]"
)
_DESTINATION = (
    "DestinationCidrBlock==$inputs.destinationCidrBlock && DestinationIpv6CidrBlock==$inputs.destinationIpv6CidrBlock"
    " && DestinationPrefixListId==$inputs.destinationPrefixListId"
)
_TARGETS = ("gatewayId", "natGatewayId", "networkInterfaceId", "transitGatewayId", "vpcPeeringConnectionId")
_TEMPLATE = {
    "imageId": "ImageId",
    "instanceType": "InstanceType",
    "keyName": "KeyName",
    "userData": "UserData",
    "ebsOptimized": "EbsOptimized",
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "iamInstanceProfile": "IamInstanceProfile",
    "metadataOptions": "MetadataOptions",
    "monitoring": "Monitoring",
    "blockDeviceMappings": "BlockDeviceMappings",
    "networkInterfaces": "NetworkInterfaces",
    "tagSpecifications": "TagSpecifications",
    "creditSpecification": "CreditSpecification",
    "cpuOptions": "CpuOptions",
    "disableApiStop": "DisableApiStop",
    "disableApiTermination": "DisableApiTermination",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "placement": "Placement",
    "privateDnsNameOptions": "PrivateDnsNameOptions",
    "maintenanceOptions": "MaintenanceOptions",
}
_TEMPLATE_DATA = "{" + ", ".join(f"{member}: inputs.{key}" for key, member in _TEMPLATE.items()) + "}"
_EBS = (
    "{VolumeSize: volumeSize, VolumeType: volumeType, Encrypted: encrypted, KmsKeyId: kmsKeyId, Iops: iops,"
    " Throughput: throughput, DeleteOnTermination: deleteOnTermination, SnapshotId: snapshotId}"
)


def _arn(kind: str) -> str:
    return f"join('', ['arn:aws:ec2:', region, ':', account, ':{kind}/', id])"


def _vpc_attribute(member: str, key: str) -> Call:
    return call("modify_vpc_attribute", VpcId="id", **{member: f"{{Value: inputs.{key}}}"})


def _vpc_attribute_now(name: str) -> Call:
    member = name[0].upper() + name[1:]
    return call("describe_vpc_attribute", VpcId="id", Attribute=f"'{name}'", result=f"{member}.Value")


def _instance_attribute(member: str, value: str) -> Call:
    return call("modify_instance_attribute", InstanceId="id", **{member: value})


def _security_group_rule(direction: str) -> AwsType:
    return AwsType(
        create=call(
            f"authorize_security_group_{direction}", GroupId="inputs.securityGroupId", IpPermissions=_PERMISSION
        ),
        id="answer.SecurityGroupRules[0].SecurityGroupRuleId",
        read=call("describe_security_group_rules", SecurityGroupRuleIds="[id]", result="SecurityGroupRules[0]"),
        delete=call(
            f"revoke_security_group_{direction}", GroupId="inputs.securityGroupId", SecurityGroupRuleIds="[id]"
        ),
        observe={"referencedSecurityGroupId": "seen.ReferencedGroupInfo.GroupId"},
        outputs={"securityGroupRuleId": "id", "arn": _arn("security-group-rule")},
        check=_rule_source,
    )


SERVICE = AwsService(
    client="ec2",
    retag=call("create_tags", Resources="[id]", Tags="tags"),
    untag=call("delete_tags", Resources="[id]", Tags="removed[].{Key: @}"),
    types={
        "aws:ec2/vpc:Vpc": AwsType(
            create=create("create_vpc"),
            id="answer.Vpc.VpcId",
            read=call("describe_vpcs", VpcIds="[id]", result="Vpcs[0]"),
            also={
                "enableDnsSupport": _vpc_attribute_now("enableDnsSupport"),
                "enableDnsHostnames": _vpc_attribute_now("enableDnsHostnames"),
            },
            settle=(
                _vpc_attribute("EnableDnsSupport", "enableDnsSupport"),
                _vpc_attribute("EnableDnsHostnames", "enableDnsHostnames"),
            ),
            delete=call("delete_vpc", VpcId="id"),
            outputs={"arn": _arn("vpc"), "ownerId": "account"},
            check=_vpc_cidr,
        ),
        "aws:ec2/subnet:Subnet": AwsType(
            create=create("create_subnet"),
            id="answer.Subnet.SubnetId",
            read=call("describe_subnets", SubnetIds="[id]", result="Subnets[0]"),
            settle=(
                call(
                    "modify_subnet_attribute", SubnetId="id", MapPublicIpOnLaunch="{Value: inputs.mapPublicIpOnLaunch}"
                ),
            ),
            delete=call("delete_subnet", SubnetId="id"),
            outputs={"arn": _arn("subnet"), "availabilityZoneId": "seen.AvailabilityZoneId"},
            check=_vpc_cidr,
        ),
        "aws:ec2/internetGateway:InternetGateway": AwsType(
            create=create("create_internet_gateway"),
            id="answer.InternetGateway.InternetGatewayId",
            read=call("describe_internet_gateways", InternetGatewayIds="[id]", result="InternetGateways[0]"),
            settle=(
                call("detach_internet_gateway", InternetGatewayId="id", VpcId="was.vpcId", when="was.vpcId"),
                call("attach_internet_gateway", InternetGatewayId="id", VpcId="inputs.vpcId"),
            ),
            clear=(
                call(
                    "detach_internet_gateway",
                    InternetGatewayId="id",
                    VpcId="seen.Attachments[0].VpcId",
                    when="seen.Attachments[0].VpcId",
                ),
            ),
            delete=call("delete_internet_gateway", InternetGatewayId="id"),
            observe={"vpcId": "seen.Attachments[0].VpcId || ''"},
            outputs={"arn": _arn("internet-gateway"), "ownerId": "account"},
        ),
        "aws:ec2/eip:Eip": AwsType(
            create=create("allocate_address"),
            id="answer.AllocationId",
            read=call("describe_addresses", AllocationIds="[id]", result="Addresses[0]"),
            delete=call("release_address", AllocationId="id"),
            outputs={"allocationId": "id", "publicIp": "seen.PublicIp", "arn": _arn("elastic-ip")},
        ),
        "aws:ec2/eipAssociation:EipAssociation": AwsType(
            create=create("associate_address"),
            id="answer.AssociationId",
            read=call(
                "describe_addresses",
                AllocationIds="[inputs.allocationId]",
                result="Addresses[?AssociationId==$id] | [0]",
            ),
            delete=call("disassociate_address", AssociationId="id"),
            outputs={"publicIp": "seen.PublicIp"},
        ),
        "aws:ec2/natGateway:NatGateway": AwsType(
            create=create("create_nat_gateway"),
            id="answer.NatGateway.NatGatewayId",
            read=call("describe_nat_gateways", NatGatewayIds="[id]", result="NatGateways[?State!='deleted'] | [0]"),
            delete=call("delete_nat_gateway", NatGatewayId="id"),
            observe={"allocationId": "seen.NatGatewayAddresses[0].AllocationId"},
            outputs={
                "publicIp": "seen.NatGatewayAddresses[0].PublicIp",
                "privateIp": "seen.NatGatewayAddresses[0].PrivateIp",
            },
        ),
        "aws:ec2/routeTable:RouteTable": AwsType(
            create=create("create_route_table"),
            id="answer.RouteTable.RouteTableId",
            read=call("describe_route_tables", RouteTableIds="[id]", result="RouteTables[0]"),
            delete=call("delete_route_table", RouteTableId="id"),
            outputs={"arn": _arn("route-table"), "ownerId": "account"},
        ),
        "aws:ec2/route:Route": AwsType(
            create=create("create_route"),
            id=(
                "join('', ['r-', inputs.routeTableId, '_', inputs.destinationCidrBlock ||"
                " inputs.destinationIpv6CidrBlock || inputs.destinationPrefixListId])"
            ),
            taken=(
                _read_route := call(
                    "describe_route_tables",
                    RouteTableIds="[inputs.routeTableId]",
                    result=f"RouteTables[0].Routes[?{_DESTINATION} && GatewayId!='local'] | [0]",
                )
            ),
            read=_read_route,
            update=(create("replace_route"),),
            fixed=frozenset(
                {"routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"}
            ),
            delete=call(
                "delete_route",
                RouteTableId="inputs.routeTableId",
                DestinationCidrBlock="inputs.destinationCidrBlock",
                DestinationIpv6CidrBlock="inputs.destinationIpv6CidrBlock",
                DestinationPrefixListId="inputs.destinationPrefixListId",
            ),
            observe={key: f"seen.{key[0].upper()}{key[1:]} || ''" for key in _TARGETS},
            outputs={"state": "seen.State", "origin": "seen.Origin"},
        ),
        "aws:ec2/routeTableAssociation:RouteTableAssociation": AwsType(
            create=create("associate_route_table"),
            id="answer.AssociationId",
            read=call(
                "describe_route_tables",
                Filters="[{Name: 'association.route-table-association-id', Values: [id]}]",
                result="RouteTables[0].Associations[?RouteTableAssociationId==$id] | [0]",
            ),
            delete=call("disassociate_route_table", AssociationId="id"),
        ),
        "aws:ec2/vpcEndpoint:VpcEndpoint": AwsType(
            create=create("create_vpc_endpoint"),
            names={"policy": "PolicyDocument"},
            id="answer.VpcEndpoint.VpcEndpointId",
            read=call("describe_vpc_endpoints", VpcEndpointIds="[id]", result="VpcEndpoints[?State!='deleted'] | [0]"),
            update=(
                call(
                    "modify_vpc_endpoint",
                    VpcEndpointId="id",
                    PolicyDocument="inputs.policy",
                    PrivateDnsEnabled="inputs.privateDnsEnabled",
                ),
            ),
            delete=call("delete_vpc_endpoints", VpcEndpointIds="[id]"),
            observe={"securityGroupIds": "seen.Groups[].GroupId"},
            outputs={
                "arn": _arn("vpc-endpoint"),
                "state": "seen.State",
                "dnsEntries": ("seen.DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId}"),
            },
            check=policy_document("policy"),
        ),
        "aws:ec2/securityGroup:SecurityGroup": AwsType(
            create=create("create_security_group"),
            id="answer.GroupId",
            read=call("describe_security_groups", GroupIds="[id]", result="SecurityGroups[0]"),
            # AWS opens every new group's egress; the provider closes it, and rule resources open what is needed.
            settle=(
                call(
                    "revoke_security_group_egress",
                    GroupId="id",
                    IpPermissions="[{IpProtocol: '-1', IpRanges: [{CidrIp: '0.0.0.0/0'}]}]",
                ),
            ),
            delete=call("delete_security_group", GroupId="id"),
            names={"name": "GroupName"},
            unsent=frozenset({"revokeRulesOnDelete"}),
            outputs={"arn": _arn("security-group"), "ownerId": "account"},
            check=matches("name", r"(?!sg-).{1,255}", "1 to 255 characters that do not begin with sg-"),
        ),
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": AwsType(
            create=call(
                "describe_security_groups",
                Filters="[{Name: 'vpc-id', Values: [inputs.vpcId]}, {Name: 'group-name', Values: ['default']}]",
                result="SecurityGroups[0]",
            ),
            id="answer.GroupId",
            read=call("describe_security_groups", GroupIds="[id]", result="SecurityGroups[0]"),
            settle=(
                call(
                    "revoke_security_group_egress",
                    GroupId="id",
                    IpPermissions="seen.IpPermissionsEgress",
                    when="inputs.egress == `[]` && seen.IpPermissionsEgress",
                ),
                call(
                    "revoke_security_group_ingress",
                    GroupId="id",
                    IpPermissions="seen.IpPermissions",
                    when="inputs.ingress == `[]` && seen.IpPermissions",
                ),
            ),
            observe={"ingress": "seen.IpPermissions", "egress": "seen.IpPermissionsEgress"},
            outputs={"arn": _arn("security-group"), "ownerId": "account", "name": "seen.GroupName"},
            check=rules(one_of("ingress", []), one_of("egress", [])),
        ),
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _security_group_rule("ingress"),
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _security_group_rule("egress"),
        "aws:ec2/flowLog:FlowLog": AwsType(
            create=create(
                "create_flow_logs",
                ResourceIds="[inputs.vpcId || inputs.subnetId || inputs.eniId]",
                ResourceType="inputs.vpcId && 'VPC' || inputs.subnetId && 'Subnet' || 'NetworkInterface'",
            ),
            names={"iamRoleArn": "DeliverLogsPermissionArn"},
            id="answer.FlowLogIds[0]",
            read=call("describe_flow_logs", FlowLogIds="[id]", result="FlowLogs[0]"),
            delete=call("delete_flow_logs", FlowLogIds="[id]"),
            observe={"vpcId": "seen.ResourceId", "subnetId": "seen.ResourceId", "eniId": "seen.ResourceId"},
            outputs={"arn": _arn("vpc-flow-log")},
        ),
        "aws:ec2/launchTemplate:LaunchTemplate": AwsType(
            create=call(
                "create_launch_template",
                LaunchTemplateName="inputs.name",
                VersionDescription="inputs.description",
                LaunchTemplateData=_TEMPLATE_DATA,
            ),
            id="answer.LaunchTemplate.LaunchTemplateId",
            read=call(
                "describe_launch_template_versions",
                LaunchTemplateId="id",
                Versions="['$Latest']",
                result="LaunchTemplateVersions[0]",
            ),
            also={"template": call("describe_launch_templates", LaunchTemplateIds="[id]", result="LaunchTemplates[0]")},
            update=(
                call(
                    "create_launch_template_version",
                    LaunchTemplateId="id",
                    VersionDescription="inputs.description",
                    LaunchTemplateData=_TEMPLATE_DATA,
                    result="to_string(LaunchTemplateVersion.VersionNumber)",
                ),
                call(
                    "modify_launch_template",
                    LaunchTemplateId="id",
                    DefaultVersion="found",
                    when="found && $inputs.updateDefaultVersion",
                ),
            ),
            delete=call("delete_launch_template", LaunchTemplateId="id"),
            tags=call("describe_tags", Filters="[{Name: 'resource-id', Values: [id]}]", result="Tags"),
            names={"securityGroups": "Groups"},
            unsent=frozenset({"updateDefaultVersion"}),
            observe={
                "name": "seen.LaunchTemplateName",
                "description": "seen.VersionDescription",
                **{key: f"seen.LaunchTemplateData.{member}" for key, member in _TEMPLATE.items()},
            },
            outputs={
                "arn": _arn("launch-template"),
                "latestVersion": "seen.VersionNumber",
                "defaultVersion": "seen.template.DefaultVersionNumber",
            },
            check=rules(
                matches("name", r"[a-zA-Z0-9().\-/_]{3,125}", "3 to 125 letters, digits and ().-/_"),
                _user_data,
                _tags_in_metadata,
            ),
        ),
        "aws:ec2/instance:Instance": AwsType(
            create=create(
                "run_instances",
                MinCount="`1`",
                MaxCount="`1`",
                UserData="inputs.userData || inputs.userDataBase64 && from_base64(inputs.userDataBase64)",
                Monitoring="inputs.monitoring && {Enabled: `true`}",
                IamInstanceProfile="inputs.iamInstanceProfile && {Name: inputs.iamInstanceProfile}",
                LaunchTemplate=(
                    "inputs.launchTemplate && {LaunchTemplateId: inputs.launchTemplate.id,"
                    " LaunchTemplateName: inputs.launchTemplate.name, Version: inputs.launchTemplate.version}"
                ),
                Placement=(
                    "{AvailabilityZone: inputs.availabilityZone, Tenancy: inputs.tenancy,"
                    " GroupName: inputs.placementGroup}"
                ),
                BlockDeviceMappings=(
                    "[inputs.rootBlockDevice && {DeviceName: inputs.rootBlockDevice.deviceName || '/dev/xvda',"
                    f" Ebs: inputs.rootBlockDevice.{_EBS}}},"
                    f" inputs.ebsBlockDevices[].{{DeviceName: deviceName, Ebs: {_EBS}}}][]"
                ),
                result="Instances[0]",
            ),
            id="answer.InstanceId",
            read=call(
                "describe_instances",
                InstanceIds="[id]",
                result="Reservations[0].Instances[?State.Name!='terminated'] | [0]",
            ),
            settle=(_instance_attribute("SourceDestCheck", "{Value: inputs.sourceDestCheck}"),),
            update=(
                _instance_attribute("InstanceType", "{Value: inputs.instanceType}"),
                _instance_attribute("Groups", "inputs.vpcSecurityGroupIds"),
                _instance_attribute("DisableApiTermination", "{Value: inputs.disableApiTermination}"),
                call(
                    "modify_instance_metadata_options",
                    InstanceId="id",
                    HttpTokens="inputs.metadataOptions.httpTokens",
                    HttpEndpoint="inputs.metadataOptions.httpEndpoint",
                    HttpPutResponseHopLimit="inputs.metadataOptions.httpPutResponseHopLimit",
                    InstanceMetadataTags="inputs.metadataOptions.instanceMetadataTags",
                ),
            ),
            delete=call("terminate_instances", InstanceIds="[id]"),
            names={"ami": "ImageId", "vpcSecurityGroupIds": "SecurityGroupIds", "privateIp": "PrivateIpAddress"},
            unsent=frozenset({"userDataReplaceOnChange", "volumeTags", "forceDestroy", "getPasswordData"}),
            observe={
                "availabilityZone": "seen.Placement.AvailabilityZone",
                "iamInstanceProfile": (
                    "seen.IamInstanceProfile && after(seen.IamInstanceProfile.Arn, 'instance-profile/')"
                ),
                "monitoring": "seen.Monitoring.State == 'enabled'",
                "tenancy": "seen.Placement.Tenancy",
                "vpcSecurityGroupIds": "seen.SecurityGroups[].GroupId",
                "placementGroup": "seen.Placement.GroupName",
            },
            outputs={
                "arn": _arn("instance"),
                "availabilityZone": "seen.Placement.AvailabilityZone",
                "instanceState": "seen.State.Name",
                "primaryNetworkInterfaceId": "seen.NetworkInterfaces[0].NetworkInterfaceId",
                "privateDns": "seen.PrivateDnsName",
                "privateIp": "seen.PrivateIpAddress",
                "publicDns": "seen.PublicDnsName",
                "publicIp": "seen.PublicIpAddress || ''",
                "subnetId": "seen.SubnetId",
            },
            check=rules(_user_data, _tags_in_metadata),
        ),
        "aws:ebs/volume:Volume": AwsType(
            create=create("create_volume"),
            id="answer.VolumeId",
            read=call("describe_volumes", VolumeIds="[id]", result="Volumes[0]"),
            update=(
                call(
                    "modify_volume",
                    VolumeId="id",
                    Size="inputs.size",
                    VolumeType="inputs.type",
                    Iops="inputs.iops",
                    Throughput="inputs.throughput",
                ),
            ),
            delete=call("delete_volume", VolumeId="id"),
            names={"type": "VolumeType"},
            unsent=frozenset({"finalSnapshot"}),
            outputs={"arn": _arn("volume")},
            check=rules(within("size", 1, 65536), needs("kmsKeyId", "encrypted", True)),
        ),
        "aws:ec2/volumeAttachment:VolumeAttachment": AwsType(
            create=call(
                "attach_volume", Device="inputs.deviceName", InstanceId="inputs.instanceId", VolumeId="inputs.volumeId"
            ),
            id="join('-', ['vai', inputs.deviceName, inputs.instanceId, inputs.volumeId])",
            read=call(
                "describe_volumes",
                VolumeIds="[inputs.volumeId]",
                result="Volumes[0].Attachments[?InstanceId==$inputs.instanceId] | [0]",
            ),
            delete=call(
                "detach_volume",
                InstanceId="inputs.instanceId",
                VolumeId="inputs.volumeId",
                Force="inputs.forceDetach",
                when="!(inputs.skipDestroy)",
            ),
            names={"deviceName": "Device"},
            unsent=frozenset({"skipDestroy", "stopInstanceBeforeDetaching"}),
        ),
    },
    functions={
        "aws:ec2/getManagedPrefixList:getManagedPrefixList": Lookup(
            call=call(
                "describe_managed_prefix_lists",
                Filters="[{Name: 'prefix-list-name', Values: [inputs.name]}]",
                result="PrefixLists[0]",
            ),
            result={"id": "seen.PrefixListId", "name": "seen.PrefixListName", "arn": "seen.PrefixListArn"},
            must=("id",),
        ),
        "aws:index/getAvailabilityZones:getAvailabilityZones": Lookup(
            call=call("describe_availability_zones", result="AvailabilityZones[?State=='available']"),
            result={
                "id": "region",
                "names": "seen[].ZoneName",
                "zoneIds": "seen[].ZoneId",
                "groupNames": "unique(seen[].GroupName || `[]`)",
                "state": "'available'",
            },
        ),
    },
)
